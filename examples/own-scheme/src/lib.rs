//! A scheme outside the workspace, and the same scheme with a fault in three ways.
#![forbid(unsafe_code)]
#![no_std]

pub mod broken;
pub mod one_word;

pub use one_word::OneWord;
