//! Workload (f): one thread allocates, and another thread frees what it receives through a queue.

use std::{hint::spin_loop, time::Duration};

use rtrb::{Consumer, Producer, RingBuffer};

use super::outcome::Outcome;
use crate::{
    clock::{ENOUGH, TimedOps},
    pool::{BlockRef, Pool, alloc, free},
    run_config::{RunConfig, WorkloadError},
};

/// Bursts of a run, each timed separately; fewer if they are slow.
const BURSTS: usize = 64;

/// Blocks of a burst.
const BLOCKS: usize = 1 << 13;

/// Capacity of the queue, in blocks.
const QUEUE: usize = 1024;

/// A thread's end of the queue.
enum End {
    Sender(Producer<BlockRef>),
    Receiver(Consumer<BlockRef>),
}

/// Runs the workload once.
pub(super) fn run<P: Pool>(config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    let pool = P::new(config.frames, config.threads)?;
    run_ends(config, |thread, end| {
        let mut handle = pool.handle(thread);
        match end {
            End::Sender(mut queue) => send(&mut queue, || alloc::<P>(&mut handle, 0, true)),
            // SAFETY: the sender allocated each block from this pool at order 0, and the queue yields it once.
            End::Receiver(mut queue) => receive(&mut queue, |block| unsafe { free::<P>(&mut handle, block, 0) }),
        }
    })
}

/// Runs the baseline once: the queue, without an allocator at either end.
pub(super) fn queue_alone(config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    run_ends(config, |_, end| match end {
        End::Sender(mut queue) => {
            let mut next = BlockRef::MIN;
            send(&mut queue, || {
                next = next.saturating_add(1);
                Some(next)
            })
        }
        End::Receiver(mut queue) => receive(&mut queue, |block| {
            std::hint::black_box(block);
        }),
    })
}

/// Runs both ends, and returns the median of the bursts. A burst's time is the smaller of its two ends' times.
///
/// An end may have spun for a thread that was preempted, and then have been preempted itself while the other end spun.
/// In such a burst neither time is meaningful: hence the median.
fn run_ends(config: &RunConfig<'_>, end: impl Fn(usize, End) -> Bursts + Sync) -> Result<Outcome, WorkloadError> {
    let (sender, receiver) = RingBuffer::new(QUEUE);
    let ends = vec![End::Sender(sender), End::Receiver(receiver)];
    let bursts = config.run_threads(ends, |thread, side, start| {
        start.wait();
        end(thread, side)
    })?;
    let [sent, received] = [0, 1].map(|end| bursts.get(end).map_or(&[][..], Vec::as_slice));
    // Both ends are in the same burst, except for the length of the queue.
    let mut bursts: Vec<TimedOps> = sent.iter().zip(received).map(|(a, b)| if a.ns < b.ns { *a } else { *b }).collect();
    bursts.sort_by_key(|burst| burst.ns);
    let median = bursts.get(bursts.len() / 2).copied().unwrap_or_default();
    let refused = sent.iter().map(|burst| burst.refused).sum();
    Ok(Outcome { timed: median.with_refused(refused), huge_share: None })
}

/// The bursts that an end has completed.
type Bursts = Vec<TimedOps>;

/// Sends the blocks that `make` returns. Repeats refused requests.
fn send(queue: &mut Producer<BlockRef>, mut make: impl FnMut() -> Option<BlockRef>) -> Bursts {
    in_bursts(|refused| {
        let block = loop {
            if let Some(block) = make() {
                break block;
            }
            *refused += 1;
            if queue.is_abandoned() {
                return false;
            }
        };
        while queue.push(block).is_err() {
            if queue.is_abandoned() {
                return false;
            }
            back_off();
        }
        true
    })
}

/// Receives blocks and passes them to `take`.
fn receive(queue: &mut Consumer<BlockRef>, mut take: impl FnMut(BlockRef)) -> Bursts {
    in_bursts(|_| {
        loop {
            if let Ok(block) = queue.pop() {
                take(block);
                return true;
            }
            // `is_abandoned` is read before `is_empty`: blocks sent before the sender ended are still received.
            if queue.is_abandoned() && queue.is_empty() {
                return false;
            }
            back_off();
        }
    })
}

/// Spins without access to the queue for about the time of a hundred blocks.
///
/// An end that polled without a pause would take the other end's cache line for every block. The time would then be
/// that of the connection between two CPUs.
fn back_off() {
    (0..32).for_each(|_| spin_loop());
}

/// Times one end in bursts until the other end is gone, or until [`BURSTS`] or [`ENOUGH`]. `one` transfers one block.
fn in_bursts(mut one: impl FnMut(&mut u64) -> bool) -> Bursts {
    let (mut bursts, mut took) = (Vec::with_capacity(BURSTS), Duration::ZERO);
    while bursts.len() < BURSTS && took < ENOUGH {
        let (mut refused, mut whole) = (0, true);
        let timed = TimedOps::of_all(BLOCKS, || whole = (0..BLOCKS).all(|_| one(&mut refused)));
        // A burst that the other end has cut short has fewer operations than `timed` says.
        if !whole {
            break;
        }
        took += Duration::from_nanos(timed.ns);
        bursts.push(timed.with_refused(refused));
    }
    bursts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_config::Cpus;

    #[test]
    fn everything_sent_arrives_in_sequence() {
        let (mut sender, mut receiver) = RingBuffer::new(QUEUE);
        let mut received = Vec::new();
        let sent = std::thread::scope(|scope| {
            let mut next = 0;
            let sender = scope.spawn(move || {
                send(&mut sender, || {
                    next += 1;
                    // Every third request is refused, and repeated with the next number.
                    BlockRef::new(next).filter(|_| next % 3 != 0)
                })
            });
            receive(&mut receiver, |block| received.push(block.get()));
            drop(receiver);
            sender.join().unwrap()
        });
        assert!(received.len() >= BLOCKS && received.len() >= sent.len() * BLOCKS - QUEUE, "{}", received.len());
        assert!(sent[0].refused > 0);
        let expected = (1..).filter(|block| block % 3 != 0);
        assert!(received.into_iter().zip(expected).all(|(is, expected)| is == expected));
    }

    #[test]
    fn an_end_stops_when_the_other_end_is_gone() {
        let (mut sender, receiver) = RingBuffer::new(QUEUE);
        drop(receiver);
        assert!(send(&mut sender, || Some(BlockRef::MIN)).is_empty());
        let (sender, mut receiver) = RingBuffer::new(QUEUE);
        drop(sender);
        assert!(receive(&mut receiver, |_| unreachable!("nothing was sent")).is_empty());
    }

    #[test]
    fn the_baseline_runs() {
        let cpus = Cpus::here().unwrap();
        let config = RunConfig { frames: 1024, threads: 2, seed: 1, cpus: &cpus };
        assert!(queue_alone(&config).unwrap().timed.ops == BLOCKS as u64);
    }
}
