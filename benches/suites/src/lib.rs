//! The criterion suites are in `benches/`; this library is empty.
