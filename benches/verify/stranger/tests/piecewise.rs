//! A lock for each zoneref gives no snapshot: this test fails, and leaves timelines.

zonelist_core::model!(piecewise: stranger::Guarded<false> = stranger::Guarded::default());
