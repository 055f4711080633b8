//! Hotplug operations in the child of a fork.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    ZoneKind::Normal,
    conformance::facts::interrupt::{Stop, beside},
    hotplug::HotplugError,
    publish::Platform,
    sync::Spin,
    table::Capacity,
    zone::Order,
};
use zonelist_schemes::{Buildable, Visitor};

use super::{
    super::setup::{CAPACITY, NODE, OFFLINE, ONLINE, chosen, machine, prepared},
    FORKS, forked,
};

/// Forks while another thread does operations on a machine.
struct DuringOperations;

impl Visitor for DuringOperations {
    /// The number of children in which an operation was interrupted, and of those in which none was.
    type Output = [usize; 2];

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> [usize; 2] {
        let (running, preparing) = (machine::<S, P>(), AtomicBool::new(false));
        let work = |stop: &Stop, continues: &dyn Fn() -> bool| {
            while continues() {
                stop.within(|| {
                    running.apply(&ONLINE).unwrap();
                    running.apply(&OFFLINE).unwrap();
                });
                // The spin lock is not fair: without this wait the thread that prepares a fork would seldom get it.
                while preparing.load(SeqCst) {
                    thread::yield_now();
                }
            }
        };
        let allocator = running.provider().allocator();
        let child = |clean_up: &mut dyn FnMut() -> bool| {
            let cut = clean_up();
            let before = running.state();
            let refused = |outcome: Result<_, HotplugError>| matches!(outcome.map(drop), Err(HotplugError::Forked));
            let expected = match (refused(running.apply(&ONLINE)), refused(running.try_apply(&OFFLINE))) {
                (true, true) => cut,
                (false, false) => !cut,
                _ => return Err(1),
            };
            if !expected || running.state().blocks().len() != before.blocks().len() {
                return Err(2);
            }
            // Also where operations are refused, pages that are not lost can be allocated.
            let _ =
                allocator.local().map(|mut local| local.alloc(NODE, &prepared(allocator, Normal, Order::ZERO)).is_ok());
            Ok([usize::from(cut), usize::from(!cut), 0])
        };
        beside(work, |stop, victim| {
            let mut sum = [0; 2];
            for _ in 0..FORKS {
                let outcome = stop.stopped(victim, || {
                    forked(|| {
                        child(&mut || {
                            // SAFETY: this is the child of a fork outside of any call; no handle is used again.
                            let _ = unsafe { allocator.after_fork(&[]) };
                            // SAFETY: this is the child of a fork outside of any call.
                            unsafe { running.provider().migration_source().after_fork() };
                            // SAFETY: this is the child of a fork outside of any call.
                            unsafe { running.after_fork() }
                        })
                    })
                });
                sum.iter_mut().zip(outcome).for_each(|(sum, one)| *sum += one);
                preparing.store(true, SeqCst);
                let mut preparation = Some((
                    running.prepare_fork(),
                    running.provider().migration_source().prepare_fork(),
                    allocator.prepare_fork().unwrap(),
                ));
                let outcome = forked(|| {
                    let (machine, movable_pages, allocator) = preparation.take().ok_or(99)?;
                    // SAFETY: this is the child of the prepared fork; no handle is used again.
                    unsafe { allocator.child(&[]) };
                    // SAFETY: this is the child of the prepared fork.
                    let lost = unsafe { movable_pages.child() };
                    // SAFETY: this is the child of the prepared fork.
                    unsafe { machine.child() };
                    if lost > 0 { Err(3) } else { child(&mut || false) }
                });
                drop(preparation);
                preparing.store(false, SeqCst);
                assert_eq!(outcome[0], 0, "a prepared fork interrupts no operation");
            }
            sum
        })
    }
}

#[test]
fn an_operation_that_a_fork_interrupts_makes_the_child_refuse_operations() {
    for scheme in chosen() {
        let [cut, whole] = scheme.visit(&mut DuringOperations);
        println!("{}: {cut} children with an interrupted operation, {whole} without", scheme.name());
        assert!(cut > 0, "{}", scheme.name());
    }
}
