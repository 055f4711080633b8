//! Allocators of page frames, side by side.
//!
//! A *pool* is an allocator; a *trial* asks something of it and times that on threads of its own,
//! each on one CPU. In a *round* every contender runs every trial once, on a pool of its own, one
//! after the other in an order that turns by one each round. What counts is the ratio to the
//! *floor* in the same round, as a median over rounds: times move by a third with the clock and
//! the neighbours, and ratios do not. The floor is a thread's own stack of words; for frames that
//! go from one thread to another it is the queue they go through. Both it and the pools are called,
//! not inlined. Time is the CPU time of each thread, so that a preemption does not count; where
//! threads wait for each other it still shows, and only a quiet machine gives good figures.
//!
//! The floor depends on the machine more than any pool does: on caches in (b) and (c), on how fast
//! a store reaches the load behind it in (a) and (d), on how far CPUs are apart in (f). So ratios
//! of different machines compare badly, and those to a peer are given beside.

mod clock;
mod contender;
mod course;
mod floor;
mod frames;
mod ours;
pub mod peers;
mod pool;
mod rounds;
mod trials;

pub use clock::Span;
pub use contender::{BITMAP, BOUNDED, Contender, DEPOT, all};
pub use course::{Course, Cpus, TrialError};
pub use floor::Floor;
pub use frames::{FRAME, Frames};
pub use pool::{Block, LARGEST, Pool, SetUpError};
pub use rounds::{Cost, RoundError, Rounds};
pub use trials::{Kind, Left, Outcome, Trial, ideal};
