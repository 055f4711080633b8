//! A copy under the lock is the list of one version: this test passes.

zonelist_core::model!(whole: stranger::Guarded<true> = stranger::Guarded::default());
