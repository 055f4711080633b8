//! What is copied under the lock is one version's list.

zonelist_core::model!(whole: stranger::Guarded<true> = stranger::Guarded::default());
