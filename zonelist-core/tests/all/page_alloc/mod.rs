//! Tests of the page allocator. Here: random operations, compared with an oracle that lists every frame.

mod concurrency;
mod drain;
mod failure;
mod frame_to_zone;
mod hooked_lock;
mod invalid_pages;
mod non_blocking;
mod oracle;
pub(crate) mod setup;
mod split;
mod statistics;
mod watermarks;
mod zone_set;

use crate::support::order;
use oracle::{Handle, Oracle, URGENCIES};
use proptest::prelude::*;
use setup::{Allocator, ZONES, versions};
use zonelist_core::{
    Mobility, NodeId, PageRequest, Request,
    ZoneKind::{self, Dma32, Movable, Normal},
    publish::{Platform, Scheme, Standard},
    sync::Spin,
};

/// One operation of a random test.
#[derive(Clone, Debug)]
enum Step {
    Alloc { local: usize, node: u16, request: PageRequest, times: usize },
    Free { local: usize, at: usize, times: usize },
    Drain,
    DrainOwn(usize),
    Drop(usize),
    Leak(usize),
    WithoutCaches(usize),
    Publish(usize),
}

fn request() -> impl Strategy<Value = PageRequest> {
    let order = prop_oneof![6 => Just(0_u8), 4 => 1_u8..4, 1 => 4_u8..=10, 1 => Just(9)].prop_map(order);
    let highest = prop::sample::select(&[Dma32, Normal, Movable] as &'static [ZoneKind]);
    let nodes = prop::option::weighted(0.2, 0_u16..2);
    (order, highest, nodes, any::<(bool, bool)>(), 0_usize..8).prop_map(
        |(order, highest, node, (movable, own), urgency)| {
            let zones =
                Request { nodes: node.map(|node| NodeId::new(node).into_iter().collect()), ..Request::up_to(highest) };
            let zones = if own { zones.this_node() } else { zones };
            let mobility = if movable { Mobility::Movable } else { Mobility::Unmovable };
            PageRequest { zones, order, mobility, urgency: URGENCIES[urgency] }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let local = 0_usize..3;
    prop_oneof![
        8 => (local.clone(), 0_u16..2, request(), 1_usize..400)
            .prop_map(|(local, node, request, times)| Step::Alloc { local, node, request, times }),
        6 => (local.clone(), any::<usize>(), 1_usize..400).prop_map(|(local, at, times)| Step::Free { local, at: at % 5000, times }),
        1 => Just(Step::Drain),
        1 => local.clone().prop_map(Step::DrainOwn),
        1 => local.clone().prop_map(Step::Drop),
        1 => local.prop_map(Step::Leak),
        1 => (0..ZONES.len()).prop_map(Step::WithoutCaches),
        1 => (0..versions().len()).prop_map(Step::Publish),
    ]
}

fn run<S: Scheme, P: Platform<Lock = Spin>>(allocator: &Allocator<S, P>, steps: &[Step]) {
    let versions = versions();
    let mut oracle = Oracle::new(versions[0].clone());
    let mut locals: Vec<Handle<'_, S, P>> = (0..3).map(|_| allocator.local().unwrap()).collect();
    let mut leaks = 0;
    for step in steps {
        match *step {
            Step::Alloc { local, node, request, times } => {
                // Fewer large blocks, so that they do not exhaust the zones.
                for _ in 0..(times >> request.order.number()).max(1) {
                    oracle.alloc(allocator, &mut locals[local], NodeId::new(node).unwrap(), &request);
                }
            }
            Step::Free { local, at, times } => {
                (0..times).for_each(|time| oracle.free(&mut locals[local], at + 31 * time))
            }
            Step::Drain => {
                allocator.drain().unwrap();
                oracle.check_merged(allocator);
            }
            Step::DrainOwn(local) => locals[local].drain(),
            Step::Drop(local) => {
                locals.remove(local);
                locals.push(allocator.local().unwrap());
            }
            Step::Leak(local) if leaks < 4 => {
                leaks += 1;
                std::mem::forget(locals.remove(local));
                locals.push(allocator.local().unwrap());
            }
            Step::Leak(_) => assert!(locals.len() == 3),
            Step::WithoutCaches(zone) => {
                let within = || {
                    (0..20).for_each(|at| oracle.free(&mut locals[0], at));
                    assert_eq!(allocator.stats(ZONES[zone].0).unwrap().cached, 0);
                };
                allocator.without_caches(ZONES[zone].0, within).unwrap();
            }
            Step::Publish(version) => {
                allocator.published().publish(&versions[version]).unwrap();
                oracle.lists = versions[version].clone();
            }
        }
        oracle.check_counts(allocator);
    }
    while !oracle.live.is_empty() {
        oracle.free(&mut locals[0], 0);
    }
    drop(locals);
    // The per-CPU pages of leaked handles have the rest.
    allocator.drain().unwrap();
    oracle.check_counts(allocator);
    oracle.check_merged(allocator);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(400, 8)))]

    #[test]
    fn no_page_is_lost_or_handed_out_twice(steps in steps()) {
        run(&setup::stop_world::<Standard>(), &steps);
    }

    #[test]
    fn no_page_is_lost_or_handed_out_twice_without_a_reader_protocol(steps in steps()) {
        run(&setup::no_protocol::<Standard>(), &steps);
    }

    #[test]
    fn no_page_is_lost_or_handed_out_twice_with_a_per_entry_protocol(steps in steps()) {
        run(&setup::preempted::<Standard>(), &steps);
    }
}
