//! Machine files: validation of arbitrary ones, and the zones of the recorded ones.

mod properties;
mod zones;
