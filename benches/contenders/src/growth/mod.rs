//! Growth: what reads and publishes cost as the number of zones, nodes, threads or registered readers grows.
//!
//! **Times.** [`Axis`] has what grows and what is timed. A point is timed in batches of a few microseconds, in rounds in
//! which every contender runs once; its time is the median of all batches. So a thread that loses its CPU to another
//! one changes few batches. The [`Fit`] of an axis is the exponent of the power of the number that fits best.
//!
//! **Lines.** What a machine with more CPUs would pay is not timed on a smaller one. It is counted instead: the cache
//! lines that [more than one thread writes](lines), since those move between CPUs.

mod axis;
mod fit;
mod grown;
pub mod lines;
mod measure;

pub use axis::Axis;
pub use fit::Fit;
pub use grown::{Grown, RAW};
pub use measure::{Measurement, Point};
