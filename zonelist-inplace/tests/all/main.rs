//! The tests of this package that need no program of their own.
#![cfg(not(loom))]

mod publish;
mod returns;
mod stress;
