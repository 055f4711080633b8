//! Machine files, kernel files, and replays: what they accept, what they compute, and what real kernels recorded.
//!
//! The folders mirror those of the sources. `fixtures` and `folder` have what several tests need.

mod cubic;
mod fixtures;
mod folder;
mod fuzz_corpus;
mod kernel_files;
mod record;
mod replay;
