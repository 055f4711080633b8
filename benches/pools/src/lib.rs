//! Page-frame allocators, timed side by side.
//!
//! A *pool* is an allocator under test. A *workload* is a sequence of requests to a pool, with the part of it that is
//! timed; it runs on threads of its own, each pinned to one CPU. In a *round* every contender runs every workload once,
//! each time on a new pool. The sequence of contenders rotates by one each round.
//!
//! The figure is the ratio to the *baseline* in the same round, as a median over rounds. Times vary by a third with
//! the clock frequency and with other load on the host; ratios do not. The baseline is a `Vec` of words that one thread
//! owns; in (f), where frames pass between threads, it is the queue alone. Calls to the baseline and to pools are not
//! inlined.
//!
//! Time is each thread's CPU time, so that preemptions are not counted. Waits of threads for each other are counted,
//! and only a quiet machine gives good figures.
//!
//! The baseline depends on the machine more than pools do: on caches in (b) and (c), on store-to-load forwarding in (a)
//! and (d), on the distance between CPUs in (f). For that reason, ratios of different machines are hard to
//! compare, and ratios to a peer are reported too.

mod baseline;
mod clock;
mod contender;
mod frame_memory;
mod ours;
pub mod peers;
mod pool;
mod rounds;
mod run_config;
mod workloads;

pub use baseline::Baseline;
pub use clock::TimedOps;
pub use contender::{BITMAP, BOUNDED_SCHEME, Contender, DEPOT, all};
pub use frame_memory::{FRAME_BYTES, FrameMemory};
pub use pool::{BlockRef, LARGEST_ORDER, Pool, PoolError};
pub use rounds::{Cost, RoundError, Rounds};
pub use run_config::{Cpus, RunConfig, WorkloadError};
pub use workloads::{HugeShare, Outcome, Workload, WorkloadKind, ideal_huge_blocks};
