//! The schemes of the program's features, in memory that needs no heap.

use zonelist_core::{
    page_alloc::PerCpuPages,
    publish::ReaderSlot,
    sync::TakeCell,
    table::{Capacity, Slot, Slots},
};

const CAPACITY: Capacity = Capacity::new(2, 2).unwrap();

#[allow(dead_code, reason = "not every scheme needs it")]
fn slots() -> Option<Slots<[Slot; CAPACITY.words()]>> {
    Slots::in_array(CAPACITY)
}

/// Memory for two tables, of static lifetime.
#[allow(unused_macros, reason = "not every scheme needs it")]
macro_rules! words {
    () => {{
        // Each expansion has a cell of its own, and `run` makes each scheme once.
        static WORDS: TakeCell<[Slot; 2 * CAPACITY.words()]> =
            TakeCell::new([const { Slot::new() }; 2 * CAPACITY.words()]);
        WORDS.take()?
    }};
}

/// The reader slots of each publisher.
pub(crate) const READERS: usize = 2;

/// Memory for one call of `check`.
#[allow(dead_code, reason = "one program has no pages")]
pub(crate) struct StaticMemory {
    pub(crate) slots: &'static mut [[ReaderSlot; READERS]; 5],
    pub(crate) caches: &'static mut [PerCpuPages; 2 * READERS],
}

#[allow(unused_macros, reason = "not without a scheme")]
macro_rules! static_memory {
    () => {{
        // Each expansion has cells of its own, and `run` makes each call once.
        static SLOTS: TakeCell<[[ReaderSlot; READERS]; 5]> =
            TakeCell::new([const { [const { ReaderSlot::new() }; READERS] }; 5]);
        static CACHES: TakeCell<[PerCpuPages; 2 * READERS]> =
            TakeCell::new([const { PerCpuPages::new() }; 2 * READERS]);
        StaticMemory { slots: SLOTS.take()?, caches: CACHES.take()? }
    }};
}

/// Defines `run`, which calls `check` with each scheme that is a feature. `None` if a check fails, or without such a
/// feature.
macro_rules! each {
    ($($feature:literal: $scheme:expr,)*) => {
        pub(crate) fn run() -> Option<()> {
            crate::check_once()?;
            $(
                #[cfg(feature = $feature)]
                crate::check($scheme, static_memory!())?;
            )*
            cfg!(any($(feature = $feature),*)).then_some(())
        }
    };
}

each! {
    "StopWorld": zonelist_core::stop_world::StopWorld::new(slots()?),
    "StopWorldPreempted": zonelist_core::stop_world::StopWorldPreempted::new(slots()?),
    "EpochSwap": zonelist_epoch::EpochSwap::new(),
    "ArcSwap": zonelist_epoch::ArcSwap::new(),
    "AsymmetricEpoch": zonelist_epoch::AsymmetricEpoch::in_place(words!(), core::hint::black_box(CAPACITY))?,
    "Qsbr": zonelist_epoch::Qsbr::in_place(words!(), core::hint::black_box(CAPACITY))?,
    "SeqRetry": zonelist_seq::SeqRetry::new(slots()?),
    "SeqCopy": zonelist_seq::SeqCopy::<2>::new(2),
    "InPlace": zonelist_inplace::InPlace::new(slots()?),
    "Presence": zonelist_inplace::Presence::new(
        zonelist_core::table::OrderTables::<[Slot; CAPACITY.order_words()]>::in_array(CAPACITY)?,
    ),
}
