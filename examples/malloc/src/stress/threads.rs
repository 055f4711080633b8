//! Threads that allocate, resize, send allocations to each other, check and free them.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use super::allocation::Allocation;

/// Threads that run to the end.
const THREADS: usize = 4;
/// Threads that begin and end meanwhile, one after another.
const SHORT_LIVED: usize = 60;
/// Steps of a thread.
const STEPS: usize = 20_000;
/// Allocations that a thread keeps.
const KEPT: usize = 400;

pub(crate) fn run() -> Result<String, String> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    thread::scope(|scope| {
        let threads: Vec<_> = receivers
            .into_iter()
            .enumerate()
            .map(|(nth, receiver)| {
                let next = senders[(nth + 1) % THREADS].clone();
                scope.spawn(move || work(nth as u64, &receiver, &next))
            })
            .collect();
        for nth in 0..SHORT_LIVED {
            let to = senders[nth % THREADS].clone();
            // Its allocations are freed after its end, and its heap goes to the next thread.
            scope.spawn(move || short(nth as u64, &to)).join().map_err(|_| "a thread has panicked")??;
        }
        drop(senders);
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread has panicked")?)
    })?;
    Ok(format!("{} steps of {THREADS} threads, {SHORT_LIVED} threads beside them", THREADS * STEPS))
}

/// The work of a thread: random steps, each on a random allocation of those that it keeps.
fn work(seed: u64, from: &Receiver<Allocation>, to: &Sender<Allocation>) -> Result<(), String> {
    let random = &mut fastrand::Rng::with_seed(seed);
    let mut kept: Vec<Allocation> = Vec::new();
    for _ in 0..STEPS {
        if kept.len() < KEPT {
            kept.push(Allocation::new(random)?);
        }
        let nth = random.usize(0..kept.len());
        match random.u32(0..8) {
            0 => kept[nth].resize(random)?,
            // Freed by the other thread. It may have ended already, after an error: then freed here.
            1 | 2 => _ = to.send(kept.swap_remove(nth)),
            3 | 4 => kept.swap_remove(nth).check()?,
            _ => {}
        }
        for mut allocation in from.try_iter() {
            allocation.check()?;
        }
    }
    kept.iter_mut().try_for_each(Allocation::check)
}

/// A short thread: some allocations, which are left to another thread.
fn short(seed: u64, to: &Sender<Allocation>) -> Result<(), String> {
    let random = &mut fastrand::Rng::with_seed(1000 + seed);
    for _ in 0..200 {
        let mut allocation = Allocation::new(random)?;
        allocation.check()?;
        let _ = to.send(allocation);
    }
    Ok(())
}
