//! The smallest scheme of the documentation is held to the facts that it declares: all tests pass.

zonelist_core::facts!(smallest: newcomers::smallest::Locked = newcomers::smallest::Locked::default());
