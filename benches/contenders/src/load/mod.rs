//! Reads, publishes and grace periods under load: lists are published at a steady rate while other threads read.
//!
//! **Single reads.** A read takes a few nanoseconds, less than a reading of the clock. So reads are timed in two ways,
//! by turns. Of [`BATCH`] reads, each is timed by itself, by the time-stamp counter between fences: the [`Clock`]. Such
//! a time includes a pair of clock readings, and has the counter's resolution; it shows how long slow reads are. Then
//! [`BATCH`] reads are timed as one, which shows the mean read, with an error of a pair of clock readings a batch.
//!
//! **Noise.** Interrupts and the hypervisor delay any loop. [`Nothing`] is a publication whose reads read nothing. Its
//! times, under the same load, are those of an empty pair of clock readings, and of the machine. Only what exceeds them
//! is due to a scheme.
//!
//! **Pace.** Publish number `n` is due at an instant that depends on `n` alone: see [`Pacer`]. A late publish delays no
//! later one, except while the publisher is busy. So each scheme gets the same load, as far as its publishes are fast
//! enough; how many were made is reported.
//!
//! **Quantiles** are shares of reads, not of time: a reader that waits does not read meanwhile, so a long wait is one
//! read. The maximum shows it, and so does the share of time: [`Times::sum_share_above`].
//!
//! Everything here is for any [`Publication`](crate::contender::Publication): see [`under_load`]. Grace periods and
//! stalled readers are for schemes only.

mod clock;
mod error;
mod heap;
mod nothing;
mod pace;
mod reads;
mod rounds;
mod run;
mod schemes;
mod stalled;
mod times;
mod updates;

pub use clock::Clock;
pub use error::LoadError;
pub use heap::{Counted, CountingHeap};
pub use nothing::Nothing;
pub use pace::{Pacer, Rate};
pub use reads::{BATCH, Reads, TimedReads};
pub use rounds::{Contestant, Rounds};
pub use run::{Load, Loaded, under_load};
pub use schemes::{GracePeriods, UnderLoad};
pub use stalled::{Stalled, StalledRun};
pub use times::Times;
pub use updates::Updates;
