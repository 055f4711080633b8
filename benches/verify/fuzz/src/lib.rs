//! Fuzz targets for what `--machine` reads. `benches/verify/tests/builds/fuzz.rs` builds and runs them.

pub mod targets;
