//! Nothing. A package that depends on this one cannot be published: see `.cargo/config.toml`.
