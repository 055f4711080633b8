//! The oracle: a second implementation of Linux' memory hotplug, from 4.14 to 7.3, as simple as possible.
//!
//! It is not optimised, and it stores no value that it can count again. The state is a table each of memory blocks,
//! CPUs and zones, and every query scans whole tables. An operation that fails restores a copy of the state before it.
//! Apart from the types of machine files it uses nothing of the library, so an error in one implementation is not
//! repeated in the other.

mod apply;
mod auto_movable;
mod boot;
mod formulas;
mod op;
mod tables;

pub(crate) use op::{Op, Outcome};
pub(crate) use tables::{BootBuild, Oracle};
