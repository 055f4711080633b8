//! A target that does not build without the feature `fault`.

zonelist_core::model!(required: newcomers::ByFeature = newcomers::ByFeature::default());
