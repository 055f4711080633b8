//! Three of its facts are not so, and their tests fail.

zonelist_core::facts!(liar: newcomers::liar::Liar = newcomers::liar::Liar::default());
