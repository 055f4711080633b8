//! Timed contenders: every scheme through the trait and by hand, and a baseline without protection. The same loops also
//! run under valgrind, which counts their instructions.
//!
//! Everything whose time or instructions are published is instantiated in this crate, which compiles as one codegen
//! unit. So the rest of a program, and its division into units, does not change the code of these loops.

pub mod consistency;
pub mod contender;
pub mod growth;
pub mod hits;
pub mod instructions;
pub mod judged;
pub mod load;
pub mod publishes;
pub mod recorded_counts;
pub mod statistics;
pub mod timing;
