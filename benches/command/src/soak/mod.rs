//! The soak test of the page allocator: threads allocate, hold, pass on and free blocks while another thread drains and
//! publishes.
//!
//! The holder of each page frame is recorded independently of the allocator, in a word that is swapped at every
//! allocation and free. A page with two holders is therefore noticed at once.
//!
//! At the end all handles are dropped and all per-CPU pages are drained. Each zone must then have as many free pages as
//! it manages, and free blocks of the orders that it began with.
//!
//! One zone is reserved for requests that admit no other zone, which must therefore never be refused. All other zones are
//! so small that they run out of memory again and again.

mod fixture;
mod holders;
mod outcome;
mod publisher;
mod report;
mod run;
mod worker;

pub use outcome::{Counts, Fault, Leftovers, Outcome};
pub use report::{Report, RunReport};
pub use run::{MAX_THREADS, Soak};
