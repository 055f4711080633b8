//! The tests of this package that need no program of their own.
#![cfg(not(loom))]

mod in_place;
mod presence;
mod returns;
mod stress;
