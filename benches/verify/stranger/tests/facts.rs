//! What it says of itself is so.

zonelist_core::facts!(whole: stranger::Guarded<true> = stranger::Guarded::default());
