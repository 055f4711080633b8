//! (f): one thread allocates, another frees what it gets through a queue.

use std::hint::spin_loop;

use rtrb::{Consumer, Producer, RingBuffer};

use super::Outcome;
use crate::pages::{
    Block, Pool,
    clock::Span,
    course::{Course, TrialError},
    pool::{alloc, free},
};

/// Blocks that are passed on, and timed.
const BLOCKS: usize = 1 << 19;

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

/// Runs both ends; what counts is the smaller of their times, since the other one may have
/// spun for a thread that was off its CPU.
fn between(course: &Course<'_>, end: impl Fn(usize, End) -> Span + Sync) -> Result<Outcome, TrialError> {
    let (into, out) = RingBuffer::new(QUEUE);
    let spans = course.together(vec![End::In(into), End::Out(out)], |thread, side, gate| {
        gate.wait();
        end(thread, side)
    })?;
    let refused = spans.iter().map(|span| span.refused).sum();
    let smaller = spans.into_iter().min_by_key(|span| span.ns).unwrap_or_default();
    Ok(Outcome { span: smaller.with_refused(refused), left: None })
}

/// Passes on what is made, and tries again what was refused.
fn send(queue: &mut Producer<Block>, mut make: impl FnMut() -> Option<Block>) -> Span {
    let mut refused = 0;
    let span = Span::of_all(BLOCKS, || {
        for _ in 0..BLOCKS {
            let block = loop {
                if let Some(block) = make() {
                    break block;
                }
                refused += 1;
                if queue.is_abandoned() {
                    return;
                }
            };
            while queue.push(block).is_err() {
                if queue.is_abandoned() {
                    return;
                }
                spin_loop();
            }
        }
    });
    span.with_refused(refused)
}

/// Takes what comes.
fn receive(queue: &mut Consumer<Block>, mut take: impl FnMut(Block)) -> Span {
    Span::of_all(BLOCKS, || {
        for _ in 0..BLOCKS {
            let block = loop {
                if let Ok(block) = queue.pop() {
                    break block;
                }
                // In this order: what was sent before the other end went away is still taken.
                if queue.is_abandoned() && queue.is_empty() {
                    return;
                }
                spin_loop();
            };
            take(block);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::course::Cpus;

    #[test]
    fn everything_sent_arrives_in_order() {
        let (mut into, mut out) = RingBuffer::new(QUEUE);
        let mut received = Vec::new();
        std::thread::scope(|scope| {
            let mut next = 0;
            scope.spawn(move || {
                send(&mut into, || {
                    next += 1;
                    // Every third request is refused, and asked again.
                    Block::new(next).filter(|_| next % 3 != 0)
                })
            });
            receive(&mut out, |block| received.push(block.get()));
        });
        assert_eq!(received.len(), BLOCKS);
        assert!(received.is_sorted() && received.iter().all(|block| block % 3 != 0));
    }

    #[test]
    fn an_end_without_another_gives_up() {
        let (mut into, out) = RingBuffer::new(QUEUE);
        drop(out);
        send(&mut into, || Some(Block::MIN));
        let (into, mut out) = RingBuffer::new(QUEUE);
        drop(into);
        receive(&mut out, |_| unreachable!("nothing was sent"));
    }

    #[test]
    fn the_floor_runs() {
        let cpus = Cpus::here().unwrap();
        let course = Course { frames: 1024, threads: 2, seed: 1, cpus: &cpus };
        assert_eq!(queue_alone(&course).unwrap().span.ops, BLOCKS as u64);
    }
}
