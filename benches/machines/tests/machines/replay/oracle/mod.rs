//! The oracle: a second implementation of Linux 6.1's memory hotplug, as simple as possible.
//!
//! Nothing is fast, and nothing is stored that can be counted again. The state is a table each of memory blocks, CPUs
//! and zones, and every question scans whole tables. An operation that fails restores a copy of the state before it.
//! Apart from the types of machine files it uses nothing of the library, so an error in one implementation is not
//! repeated in the other.

mod apply;
mod boot;
mod formulas;
mod op;
mod tables;

pub(crate) use op::{Op, Outcome};
pub(crate) use tables::Oracle;
