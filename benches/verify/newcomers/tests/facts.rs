//! A scheme with three false facts, whose tests fail.

zonelist_core::facts!(liar: newcomers::liar::Liar = newcomers::liar::Liar::default());
