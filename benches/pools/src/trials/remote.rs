//! (f): one thread allocates, another frees what it gets through a queue.

use std::{hint::spin_loop, time::Duration};

use rtrb::{Consumer, Producer, RingBuffer};

use super::Outcome;
use crate::{
    Block, Pool,
    clock::{ENOUGH, Span},
    course::{Course, TrialError},
    pool::{alloc, free},
};

/// Bursts, each timed for itself; fewer where they are slow.
const BURSTS: usize = 64;

/// Blocks of a burst.
const BLOCKS: usize = 1 << 13;

/// Places of the queue.
const QUEUE: usize = 1024;

/// A thread's end of the queue.
enum End {
    In(Producer<Block>),
    Out(Consumer<Block>),
}

/// Runs it once.
pub(super) fn run<P: Pool>(course: &Course<'_>) -> Result<Outcome, TrialError> {
    let pool = P::new(course.frames, course.threads)?;
    between(course, |thread, end| {
        let mut local = pool.local(thread);
        match end {
            End::In(mut queue) => send(&mut queue, || alloc::<P>(&mut local, 0, true)),
            // SAFETY: what comes out of the queue was allocated by the other thread, at this order.
            End::Out(mut queue) => receive(&mut queue, |block| unsafe { free::<P>(&mut local, block, 0) }),
        }
    })
}

/// Runs the floor once: the queue, without an allocator at either end.
pub(super) fn queue_alone(course: &Course<'_>) -> Result<Outcome, TrialError> {
    between(course, |_, end| match end {
        End::In(mut queue) => {
            let mut next = Block::MIN;
            send(&mut queue, || {
                next = next.saturating_add(1);
                Some(next)
            })
        }
        End::Out(mut queue) => receive(&mut queue, |block| {
            std::hint::black_box(block);
        }),
    })
}

/// Runs both ends; what counts is the median burst, of each the smaller of the two times.
///
/// An end may have spun for a thread that was off its CPU, and then gone off itself while the other
/// one spun in turn: in such a burst neither time is worth anything, hence the median.
fn between(course: &Course<'_>, end: impl Fn(usize, End) -> Bursts + Sync) -> Result<Outcome, TrialError> {
    let (into, out) = RingBuffer::new(QUEUE);
    let spans = course.together(vec![End::In(into), End::Out(out)], |thread, side, gate| {
        gate.wait();
        end(thread, side)
    })?;
    let [sent, received] = [0, 1].map(|end| spans.get(end).map_or(&[][..], Vec::as_slice));
    // The ends are at the same burst, but for the length of the queue.
    let mut bursts: Vec<Span> = sent.iter().zip(received).map(|(a, b)| if a.ns < b.ns { *a } else { *b }).collect();
    bursts.sort_by_key(|burst| burst.ns);
    let median = bursts.get(bursts.len() / 2).copied().unwrap_or_default();
    let refused = sent.iter().map(|burst| burst.refused).sum();
    Ok(Outcome { span: median.with_refused(refused), left: None })
}

/// The bursts that an end has been through to the last block.
type Bursts = Vec<Span>;

/// Passes on what is made, and tries again what was refused.
fn send(queue: &mut Producer<Block>, mut make: impl FnMut() -> Option<Block>) -> Bursts {
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
            stand_back();
        }
        true
    })
}

/// Takes what comes.
fn receive(queue: &mut Consumer<Block>, mut take: impl FnMut(Block)) -> Bursts {
    in_bursts(|_| {
        loop {
            if let Ok(block) = queue.pop() {
                take(block);
                return true;
            }
            // In this order: what was sent before the other end went away is still taken.
            if queue.is_abandoned() && queue.is_empty() {
                return false;
            }
            stand_back();
        }
    })
}

/// Leaves the queue alone for as long as some hundred blocks take.
///
/// An end that looked again at once would take the other's cache line for every single block, and
/// what is measured then is the way between two CPUs.
fn stand_back() {
    (0..32).for_each(|_| spin_loop());
}

/// Times an end of the queue, until it has nobody to talk to or it has been enough; counts what is refused.
fn in_bursts(mut one: impl FnMut(&mut u64) -> bool) -> Bursts {
    let (mut bursts, mut took) = (Vec::with_capacity(BURSTS), Duration::ZERO);
    while bursts.len() < BURSTS && took < ENOUGH {
        let (mut refused, mut whole) = (0, true);
        let span = Span::of_all(BLOCKS, || whole = (0..BLOCKS).all(|_| one(&mut refused)));
        if !whole {
            break;
        }
        took += Duration::from_nanos(span.ns);
        bursts.push(span.with_refused(refused));
    }
    bursts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Cpus;

    #[test]
    fn everything_sent_arrives_in_order() {
        let (mut into, mut out) = RingBuffer::new(QUEUE);
        let mut received = Vec::new();
        let sent = std::thread::scope(|scope| {
            let mut next = 0;
            let sender = scope.spawn(move || {
                send(&mut into, || {
                    next += 1;
                    // Every third request is refused, and asked again.
                    Block::new(next).filter(|_| next % 3 != 0)
                })
            });
            receive(&mut out, |block| received.push(block.get()));
            drop(out);
            sender.join().unwrap()
        });
        assert!(received.len() >= BLOCKS && received.len() >= sent.len() * BLOCKS - QUEUE, "{}", received.len());
        assert!(sent[0].refused > 0);
        let expected = (1..).filter(|block| block % 3 != 0);
        assert!(received.into_iter().zip(expected).all(|(is, expected)| is == expected));
    }

    #[test]
    fn an_end_without_another_gives_up() {
        let (mut into, out) = RingBuffer::new(QUEUE);
        drop(out);
        assert!(send(&mut into, || Some(Block::MIN)).is_empty());
        let (into, mut out) = RingBuffer::new(QUEUE);
        drop(into);
        assert!(receive(&mut out, |_| unreachable!("nothing was sent")).is_empty());
    }

    #[test]
    fn the_floor_runs() {
        let cpus = Cpus::here().unwrap();
        let course = Course { frames: 1024, threads: 2, seed: 1, cpus: &cpus };
        assert!(queue_alone(&course).unwrap().span.ops == BLOCKS as u64);
    }
}
