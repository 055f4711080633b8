//! The faulty schemes: some tests of one of them fail. `page.rs` runs them.

use own_scheme::broken::{FirstTwo, LockBit, TwoHalves};

zonelist_core::facts!(
    two_halves: TwoHalves = TwoHalves::default(),
    first_two: FirstTwo = FirstTwo::default(),
    lock_bit: LockBit = LockBit::default(),
);
