//! The running machine against the oracle: random machines and operations, equal after every step.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use proptest::{prelude::*, test_runner::TestRunner};
use zonelist_core::{
    NodeId, Pfn, Request, ZoneId, ZoneKind, Zonelists,
    hotplug::{BlockId, Deadline, HotplugError, Operation, PageProvider, ProviderError, RunningMachine, State},
    publish::{PublishError, Published},
    table::Slot,
    topology::Rules,
    zonelist::Scope,
};
use zonelist_inplace::InPlace;
use zonelist_machines::{
    ByNode, LinuxRules, MachineFile, Step,
    replay::{blocks, operation_of, outcome},
};
use zonelist_schemes::Buildable;
use zonelist_verify::cases;

use super::{
    oracle::{Op, Oracle, Outcome},
    random::machines_and_ops,
};

/// Counts the pages that go online and offline, and refuses the latter while `pinned`.
#[derive(Debug)]
struct CountingPages {
    published: Published<InPlace<Box<[Slot]>>>,
    pinned: AtomicBool,
    onlined: AtomicU64,
    offlined: AtomicU64,
}

impl PageProvider for CountingPages {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        self.published.publish(lists).map(drop)
    }

    fn isolate(&self, _: &State, _: ZoneId, frames: Range<Pfn>, _: &mut dyn Deadline) -> Result<(), ProviderError> {
        if self.pinned.load(Relaxed) {
            return Err(ProviderError::Pinned { pfn: Pfn::new(frames.start.number()) });
        }
        self.offlined.fetch_add(frames.end - frames.start, Relaxed);
        Ok(())
    }

    fn finish_online(&self, _: ZoneId, frames: Range<Pfn>) {
        self.onlined.fetch_add(frames.end - frames.start, Relaxed);
    }
}

type Running = RunningMachine<CountingPages>;

fn boot(golden: &MachineFile) -> Running {
    let state = golden.clone().validate().unwrap().state(rules_of(golden)).unwrap();
    let scheme = <InPlace<Box<[Slot]>> as Buildable>::build(state.capacity());
    let (published, zero) = (Published::new(scheme), || AtomicU64::new(0));
    let pages = CountingPages { published, pinned: AtomicBool::new(false), onlined: zero(), offlined: zero() };
    RunningMachine::new(state, pages).unwrap()
}

fn rules_of(golden: &MachineFile) -> Rules {
    LinuxRules::of_kernel(golden.kernel.as_deref()).0.rules
}

/// The operation as a step and in the running machine's terms; one that machine files lack is a note as a step.
fn translate(op: &Op, state: &State, golden: &MachineFile) -> (Step, Result<Operation, HotplugError>) {
    let (rules, auto_movable) = (rules_of(golden), golden.boot_options.contains("online_policy=auto-movable"));
    let node = |number: &u32| NodeId::new(u16::try_from(*number).unwrap()).unwrap();
    let step = match op {
        Op::Block { block, word, pinned, policy_zone_choice } => Step {
            op: word.clone(),
            block: Some(*block),
            pinned: *pinned,
            zone: policy_zone_choice.filter(|_| auto_movable && rules.auto_movable),
            ..Step::default()
        },
        Op::Cpu { cpu, online } => {
            Step { op: if *online { "cpu_online" } else { "cpu_offline" }.into(), cpu: Some(*cpu), ..Step::default() }
        }
        Op::Sysctl { name, value } => {
            Step { op: "sysctl".into(), name: Some(name.clone()), value: Some(value.clone()), ..Step::default() }
        }
        _ => Step { op: "other".into(), ..Step::default() },
    };
    let operation = match op {
        Op::AddNode(number) => Ok(Operation::AddNode(node(number))),
        Op::AddBlocks { node: number, first, count } => {
            Ok(Operation::AddBlocks { node: node(number), first: BlockId::new(*first), count: *count })
        }
        Op::RemoveBlocks { first, count } => Ok(Operation::RemoveBlocks { first: BlockId::new(*first), count: *count }),
        Op::RemoveNode(number) => Ok(Operation::RemoveNode(node(number))),
        _ => operation_of(&step.operation().unwrap(), state, rules).unwrap(),
    };
    (step, operation)
}

/// The oracle's outcome in the form of a step, without the blocks, which are compared as a whole.
fn expected(outcome: &Outcome) -> Step {
    let outcome = outcome.clone();
    Step {
        result: Some(outcome.result.into()),
        fallback_order: Some(outcome.fallback_order.map(ByNode)),
        built: outcome.built,
        total_pages: outcome.total_pages,
        policy_zone: outcome.policy_zone,
        sysctl: Some(outcome.sysctl),
        zones: Some(outcome.zones),
        online: Some(outcome.online),
        has_cpu: Some(outcome.has_cpu),
        has_memory: Some(outcome.has_memory),
        ..Step::default()
    }
}

/// Compares walks of every node's lists with those of the oracle.
fn assert_published(running: &Running, oracle: &Oracle) {
    let mut reader = running.provider().published.reader().unwrap();
    for scope in [Scope::Fallback, Scope::ThisNode] {
        let filter = running.provider().published.filter(&Request { scope, ..Request::up_to(ZoneKind::Device) });
        for (local, list) in oracle.lists() {
            let own = list.iter().filter(|(node, _)| scope == Scope::Fallback || node == local);
            let listed: Vec<String> = own.map(|(node, kind)| format!("{node}/{}", kind.0)).collect();
            let node = NodeId::new(u16::try_from(*local).unwrap()).unwrap();
            let walked: Vec<String> =
                reader.enter().walk(node, &filter).map(|entry| entry.zone().to_string()).collect();
            assert_eq!(walked, listed, "{scope:?} list of node {local}");
        }
    }
}

fn compare(golden: &MachineFile, ops: &[Op]) {
    let (running, mut oracle) = (boot(golden), Oracle::boot(golden));
    let (mut managed, pages) = (managed_pages(&running), running.provider());
    for (index, op) in ops.iter().enumerate() {
        let before = running.state();
        let (step, operation) = translate(op, &before, golden);
        running.provider().pinned.store(step.pinned, Relaxed);
        let result = operation.and_then(|operation| running.apply(&operation));
        let (failed, after) = (result.is_err(), running.state());
        let ours = outcome(&step, &before, &after, result);
        let theirs = oracle.apply(op);

        let Step { op: word, block, cpu, name, value, pinned, zone, .. } = step;
        let expected = Step { op: word, block, cpu, name, value, pinned, zone, ..expected(&theirs) };
        assert_eq!(Step { blocks_changed: None, ..ours }, expected, "step {index}, {op:?}");
        assert_eq!(blocks(&after), theirs.blocks, "step {index}, {op:?}");
        assert!(!failed || after == before, "step {index}, {op:?}: an error has changed the state");
        assert_published(&running, &oracle);

        // Pages are conserved: managed pages change by exactly those that went online or offline.
        let (onlined, offlined) = (pages.onlined.swap(0, Relaxed), pages.offlined.swap(0, Relaxed));
        managed = managed + onlined - offlined;
        assert_eq!(managed_pages(&running), managed, "step {index}, {op:?}");
    }
}

fn managed_pages(running: &Running) -> u64 {
    running.state().zones().map(|info| info.size.managed).sum()
}

#[test]
fn the_running_machine_equals_the_oracle() {
    let config = ProptestConfig { cases: cases(1500, 5), failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let compared = AtomicU64::new(0);
    let run = runner.run(&machines_and_ops(), |(golden, ops)| {
        compare(&golden, &ops);
        compared.fetch_add(ops.len() as u64, Relaxed);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{} steps compared", compared.into_inner());
}
