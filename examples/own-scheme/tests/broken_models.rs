//! The faulty schemes: the tests of two of them fail, and leave timelines. `page.rs` runs them.

use own_scheme::broken::{FirstTwo, LockBit, TwoHalves};

zonelist_core::model!(two_halves: TwoHalves = TwoHalves::default());
zonelist_core::model!(first_two: FirstTwo = FirstTwo::default());
zonelist_core::model!(lock_bit: LockBit = LockBit::default());
