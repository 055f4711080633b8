//! Nodes that go online and offline, with their memory and CPUs.

use std::sync::{Arc, Mutex};

use zonelist_core::{
    ZoneKind, Zoneref,
    hotplug::{BlockId, HotplugError, MemoryBlocks, OnlineTo, Operation, State},
    topology::{DistanceSource, FallbackOrder, FallbackOrderInput, Machine, MachineDescription, Rules},
    zonelist::Scope,
};

use super::{node, offline, online, running, state, support::Puppet, zone};

fn fallback(order: &FallbackOrder, of: u16) -> Vec<u16> {
    order.of(node(of)).unwrap().iter().map(|node| node.number()).collect()
}

#[test]
fn a_node_goes_online_and_offline_with_its_memory() {
    let running = running(Puppet::new(), ());
    assert_eq!(
        fallback(running.state().fallback_order(), 2),
        [2, 1, 0, 3],
        "a node that is only possible has a fallback order"
    );

    let added = running.apply(&Operation::AddBlocks { node: node(2), first: BlockId::new(100), count: 2 }).unwrap();
    let rebuilt = added.rebuilt.unwrap();
    assert_eq!(rebuilt.nodes, 3, "its own list is built before it is online");
    assert!(running.state().online().contains(node(2)) && !running.state().has_memory().contains(node(2)));

    let first = running.apply(&online(101, OnlineTo::Movable)).unwrap();
    let rebuilt = first.rebuilt.unwrap();
    assert_eq!(rebuilt.nodes, 4);
    let list = |of| rebuilt.lists.lists().of(node(of), Scope::Fallback)[0].zone();
    assert_eq!((list(2), list(1)), (zone(2, ZoneKind::Movable), zone(1, ZoneKind::Normal)));
    assert!(
        running.apply(&online(100, OnlineTo::Auto)).unwrap().rebuilt.is_some(),
        "no span touches the block, so its zone is Normal"
    );

    assert!(running.apply(&Operation::RemoveNode(node(2))).is_err());
    let emptied = running.apply(&offline(101)).unwrap().rebuilt.unwrap();
    assert_eq!(emptied.lists.lists().of(node(2), Scope::ThisNode), [Zoneref::new(zone(2, ZoneKind::Normal))]);
    running.apply(&offline(100)).unwrap();
    assert_eq!(
        fallback(running.state().fallback_order(), 0),
        [0, 3, 1, 2],
        "node 2 is still in it, since it had memory when the rebuild began"
    );
    running.apply(&Operation::RemoveBlocks { first: BlockId::new(100), count: 2 }).unwrap();
    running.apply(&Operation::RemoveNode(node(2))).unwrap();
    assert!(!running.state().online().contains(node(2)));
    assert_eq!(running.state().memory().zones, state().memory().zones);
}

/// Under `numa=fake` a CPU is on every emulated node of its real node.
#[test]
fn a_cpu_on_two_nodes_counts_for_both() {
    let all = vec![0, 1];
    let machine = Machine::new(MachineDescription {
        possible: all.clone(),
        distance: vec![vec![10; 2]; 2],
        distance_source: DistanceSource::Kernel,
        cpus: [(0, vec![0, 1]), (1, vec![1])].into(),
        online: all.clone(),
        has_cpu: all.clone(),
        has_memory: vec![1],
        memory: Some(state().memory().clone()).map(|mut memory| {
            memory.zones.retain(|size| size.zone.node() == node(1));
            memory
        }),
        ..MachineDescription::default()
    });
    let (machine, void) = machine.unwrap();
    assert_eq!((void, machine.cpus()[&1].as_slice()), (None, &[node(0), node(1)][..]));
    let state = State::booted(machine, MemoryBlocks::default(), Rules::LINUX_6_1).unwrap();
    let without = state.after(&Operation::CpuOffline { cpu: 1 }).unwrap().0;
    assert_eq!(without.has_cpu().iter().collect::<Vec<_>>(), [node(0)], "CPU 0 is left, on node 0");
    assert_eq!(without.after(&Operation::CpuOffline { cpu: 0 }).unwrap_err(), HotplugError::LastCpu { cpu: 0 });
    let again = without.after(&Operation::CpuOnline { cpu: 1 }).unwrap().0;
    assert_eq!(again.has_cpu(), state.has_cpu());
}

/// A rebuild would change other nodes' orders too: the one at boot did not count that node 3 has no CPU.
#[test]
fn only_the_list_of_a_new_node_is_built() {
    let published = Arc::new(Mutex::new(0));
    let count = Arc::clone(&published);
    let scheme = Puppet::on_publish(move |_| {
        *count.lock().unwrap() += 1;
        Ok(())
    });
    let running = running(scheme, ());
    let before = running.state();
    let change = running.apply(&Operation::CpuOnline { cpu: 2 }).unwrap();
    assert!(change.rebuilt.is_some(), "the CPU's node goes online first");
    assert_eq!(*published.lock().unwrap(), 2, "at boot and for the node");
    let after = running.state();
    assert_eq!(fallback(after.fallback_order(), 0), fallback(before.fallback_order(), 0));
    let input = FallbackOrderInput { has_cpu: before.has_cpu(), ..FallbackOrderInput::of(after.machine()) };
    let whole = FallbackOrder::build(input, Rules::LINUX_6_1);
    assert_ne!(fallback(&whole, 0), fallback(before.fallback_order(), 0));
    assert_eq!(fallback(after.fallback_order(), 2), fallback(&whole, 2));
    assert!(running.apply(&Operation::CpuOnline { cpu: 2 }).unwrap().rebuilt.is_none(), "online already");
}

#[test]
fn a_new_nodes_list_is_published_before_the_node_is_online() {
    let machine: Arc<Mutex<Option<std::sync::Weak<super::Running>>>> = Arc::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (observed, log) = (Arc::clone(&machine), Arc::clone(&seen));
    let scheme = Puppet::on_publish(move |_| {
        if let Some(running) = observed.lock().unwrap().as_ref().and_then(std::sync::Weak::upgrade) {
            log.lock().unwrap().push(running.state().online().contains(node(2)));
        }
        Ok(())
    });
    let running = Arc::new(running(scheme, ()));
    *machine.lock().unwrap() = Some(Arc::downgrade(&running));
    running.apply(&Operation::AddNode(node(2))).unwrap();
    assert_eq!(*seen.lock().unwrap(), [false]);
    assert!(running.state().online().contains(node(2)));
}
