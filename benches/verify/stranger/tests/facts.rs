//! A scheme whose facts are all true.

zonelist_core::facts!(whole: stranger::Guarded<true> = stranger::Guarded::default());
