//! A lock for each zoneref makes no snapshot: this fails, and leaves timelines.

zonelist_core::model!(piecewise: stranger::Guarded<false> = stranger::Guarded::default());
