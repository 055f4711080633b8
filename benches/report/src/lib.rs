//! Results files of the `zonelist` command, and what is made of them: the report page, its pictures, and the figures in
//! the documents. Nothing here measures.
//!
//! ```text
//! documents -> figures, page -> tables, verdict, pictures -> text -> results
//! ```

pub mod documents;
pub mod figures;
pub mod page;
pub mod pictures;
pub mod results;
pub mod tables;
pub mod text;
pub mod verdict;
