//! The schemes of the program's features, in memory that needs no heap.

#[allow(unused_imports, reason = "not every scheme needs it")]
use zonelist_core::sync::TakeCell;
use zonelist_core::table::{Capacity, Slot, Slots};

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

/// Defines `run`, which calls `check` with each scheme that is a feature. `None` if a check fails, or without such a
/// feature.
macro_rules! each {
    ($($feature:literal: $scheme:expr,)*) => {
        pub(crate) fn run() -> Option<()> {
            $(
                #[cfg(feature = $feature)]
                crate::check($scheme)?;
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
