//! The slots of the pool: what other threads and errors leave of them.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use zonelist_core::Zone;
use zonelist_example_pool::{
    error::PoolError,
    pool::Pool,
    tiers::{FAR, NEAR, Tiers, boot},
};

/// All pages of the machine are free.
fn assert_all_free(tiers: &Tiers) {
    tiers.provider().allocator().drain().expect("drained");
    let zones = tiers.provider().allocator().zones();
    let [free, managed] = [Zone::free_pages, Zone::managed].map(|of| zones.iter().map(of).sum::<usize>());
    assert_eq!(free, managed);
}

#[test]
fn pages_are_inspected_and_transferred_while_other_threads_remove_them() {
    const STEPS: u64 = 50_000;
    let tiers = boot(0, 3).expect("a machine");
    let pool = Pool::new(&tiers, 2);
    let running = AtomicUsize::new(2);
    thread::scope(|scope| {
        for key in 0..2 {
            let (tiers, pool, running) = (&tiers, &pool, &running);
            scope.spawn(move || {
                let mut local = tiers.provider().allocator().local().expect("a handle");
                let worked = (0..STEPS).try_for_each(|step| {
                    pool.write(key, step, &mut local)?;
                    pool.remove(key, &mut local)
                });
                running.fetch_sub(1, Relaxed);
                worked.expect("each page is written and removed");
            });
        }
        let mut local = tiers.provider().allocator().local().expect("a handle");
        for round in 0_u64.. {
            if running.load(Relaxed) == 0 {
                break;
            }
            for key in 0..2 {
                pool.inspect(key).expect("a page, or none");
                // Rarely, as the lock of the slot excludes the other thread during the copy.
                if round.is_multiple_of(64) {
                    pool.transfer(key, FAR, &mut local).expect("a page, or none");
                }
            }
        }
    });
    assert_all_free(&tiers);
}

#[test]
fn a_write_without_a_free_handle_loses_no_page() {
    let tiers = boot(0, 1).expect("a machine");
    let pool = Pool::new(&tiers, 2);
    let mut local = tiers.provider().allocator().local().expect("a handle");
    assert!(pool.write(0, 1, &mut local).expect("written"));
    let refused = pool.write(1, 1, &mut local);
    assert!(matches!(refused, Err(PoolError::NoRoom { entries: 1 })), "{refused:?}");
    assert!(pool.inspect(1).expect("no page").is_none());
    pool.remove(0, &mut local).expect("removed");
    assert!(pool.write(1, 1, &mut local).expect("written"));
    pool.remove(1, &mut local).expect("removed");
    drop(local);
    assert_all_free(&tiers);
}

#[test]
fn a_transfer_without_a_free_handle_changes_nothing() {
    let tiers = boot(0, 1).expect("a machine");
    let pool = Pool::new(&tiers, 1);
    let mut local = tiers.provider().allocator().local().expect("a handle");
    assert!(pool.write(0, 1, &mut local).expect("written"));
    let refused = pool.transfer(0, FAR, &mut local);
    assert!(matches!(refused, Err(PoolError::NoRoom { entries: 1 })), "{refused:?}");
    assert_eq!(pool.inspect(0).expect("a page"), Some((NEAR, true)));
    pool.remove(0, &mut local).expect("the content is as it was");
    drop(local);
    assert_all_free(&tiers);
}
