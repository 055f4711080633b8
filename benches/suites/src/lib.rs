//! Criterion suites, in `benches/`.
