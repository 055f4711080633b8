//! The scheme that is the program's feature, in memory that needs no heap.

use zonelist_core::{Capacity, Slot};

const CAPACITY: Capacity = Capacity::new(2, 2).unwrap();

#[cfg(any(feature = "StopWorld", feature = "StopWorldPreempted", feature = "SeqRetry", feature = "InPlace"))]
fn slots() -> Option<zonelist_core::Slots<[Slot; CAPACITY.words()]>> {
    zonelist_core::Slots::in_array(CAPACITY)
}

/// Memory for two tables, given for good.
#[cfg(any(feature = "AsymmetricEpoch", feature = "Qsbr"))]
fn words() -> &'static mut [Slot] {
    static mut WORDS: [Slot; 2 * CAPACITY.words()] = [const { Slot::new() }; 2 * CAPACITY.words()];
    // SAFETY: this is called once, and nobody else names it.
    unsafe { &mut *(&raw mut WORDS) }
}

/// What the program makes of the scheme; `None` if there is none.
pub(crate) fn run() -> Option<()> {
    #[cfg(feature = "StopWorld")]
    return crate::check(zonelist_core::StopWorld::new(slots()?));
    #[cfg(feature = "StopWorldPreempted")]
    return crate::check(zonelist_core::StopWorldPreempted::new(slots()?));
    #[cfg(feature = "EpochSwap")]
    return crate::check(zonelist_epoch::EpochSwap::new());
    #[cfg(feature = "ArcSwap")]
    return crate::check(zonelist_epoch::ArcSwap::new());
    #[cfg(feature = "AsymmetricEpoch")]
    return crate::check(zonelist_epoch::AsymmetricEpoch::in_place(words(), core::hint::black_box(CAPACITY))?);
    #[cfg(feature = "Qsbr")]
    return crate::check(zonelist_epoch::Qsbr::in_place(words(), core::hint::black_box(CAPACITY))?);
    #[cfg(feature = "SeqRetry")]
    return crate::check(zonelist_seq::SeqRetry::new(slots()?));
    #[cfg(feature = "SeqCopy")]
    return crate::check(zonelist_seq::SeqCopy::<2>::new(2));
    #[cfg(feature = "InPlace")]
    return crate::check(zonelist_inplace::InPlace::new(slots()?));
    #[cfg(feature = "Presence")]
    return crate::check(zonelist_inplace::Presence::new(
        zonelist_core::Orders::<[Slot; CAPACITY.order_words()]>::in_array(CAPACITY)?,
    ));
    #[allow(unreachable_code, reason = "there is a feature, or nothing to run")]
    None
}
