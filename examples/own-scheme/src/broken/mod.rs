//! The scheme [`OneWord`](crate::OneWord) with a fault. The README has what each line says of each.

mod first_two;
mod lock_bit;
mod two_halves;

pub use first_two::FirstTwo;
pub use lock_bit::LockBit;
pub use two_halves::TwoHalves;
