//! A scheme that has a fault with the feature `fault` only. The test `features.rs` of `zonelist-verify` runs it with and
//! without. The name of the target is not that of its crate.

zonelist_core::model!(by_feature: newcomers::ByFeature = newcomers::ByFeature::default());
