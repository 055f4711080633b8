//! Random machines, and random operations on them.
//!
//! A machine is drawn as a plan, which shrinks well, and then laid out: nodes one after another in memory, their
//! zones in the order of kinds, cut into memory blocks. A boundary of zones inside a block makes a block of two zones
//! or of two nodes; memory that ends inside a block makes a block with a hole.

mod cases;
mod layout;
mod machines;
mod ops;

pub(crate) use machines::machines_and_ops;
