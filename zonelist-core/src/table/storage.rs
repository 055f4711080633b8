//! Where the words of a table are stored.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

#[cfg(feature = "alloc")]
use crate::Zoneref;
use crate::table::{
    Slot,
    slot::{Word, sealed},
};

/// Where the words of a table are stored: in the table itself, in a box, or in memory that the caller gave for good.
///
/// Sealed: walks rely on `words` returning the same words every time.
///
/// ```compile_fail,E0277
/// use zonelist_core::table::{Slot, Storage};
/// struct Mine(Vec<Slot>);
/// impl Storage for Mine {
///     type Word = Slot;
///     fn words(&self) -> &[Slot] { &self.0 }
/// }
/// ```
pub trait Storage: sealed::Sealed {
    /// The type of a slot.
    type Word: Word;

    /// All words.
    fn words(&self) -> &[Self::Word];
}

macro_rules! storage {
    ([$($generics:tt)*] $type:ty, $word:ty) => {
        impl<$($generics)*> sealed::Sealed for $type {}

        impl<$($generics)*> Storage for $type {
            type Word = $word;

            #[inline]
            fn words(&self) -> &[$word] {
                self
            }
        }
    };
}
storage!([const N: usize] [Slot; N], Slot);
storage!([] &'static mut [Slot], Slot);
#[cfg(feature = "alloc")]
storage!([] Box<[Slot]>, Slot);
#[cfg(feature = "alloc")]
storage!([] Box<[Option<Zoneref>]>, Option<Zoneref>);
