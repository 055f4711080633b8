//! A buffer pool of the kind that a database has, over two memory tiers.
//!
//! Pages are movable handles. The pool promotes pages that are used to the near tier and demotes others, and memory
//! blocks of the far tier go online and offline with the number of pages.

pub mod balancer;
pub mod chart;
pub mod error;
pub mod pool;
pub mod run;
pub mod tiers;
