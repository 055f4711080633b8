//! The storm: one memory block goes offline and online while threads keep its small node under memory pressure.
//!
//! Linux' rebuild under racing readers was tested by this experiment in 2017. Here every page and every walk is
//! accounted for.
//!
//! The machine is a recorded one, with real memory behind its page frames. Most of the block's node is allocated once
//! and kept, so that a few thousand pages and the block remain. The threads need more pages than that: they allocate
//! from other nodes all the time, and pages of the block migrate there when it goes offline.
//!
//! Each page has a pattern, which is checked before the page is freed. Other nodes always have free pages. A refusal is
//! therefore wrong if the request never tried a zone that is on every version of its list.

mod checker;
mod error;
mod fixture;
mod hotplug_driver;
mod outcome;
mod recorded;
mod report;
mod run;
mod site;
mod worker;

pub use error::StormError;
pub use outcome::{Counts, Fault, Outcome};
pub use report::{Report, SchemeReport};
pub use run::{MAX_THREADS, Storm};
pub use site::{Site, SiteError};
