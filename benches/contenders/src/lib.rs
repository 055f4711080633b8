//! What is timed: every scheme through the trait, by hand, and the walk that nothing protects; and the
//! instructions of the same loops.
//!
//! Everything whose time or instructions are published is instantiated in this crate, which is
//! compiled as one unit: how the rest of a program is divided into units moves no loop of these.

pub mod consistency;
pub mod contender;
pub mod instructions;
pub mod timing;
