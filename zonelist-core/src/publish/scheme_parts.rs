//! Parts of a `Scheme` that several schemes share, so that a scheme's file has what is its own.

use super::{Allocates, Facts, Guarantee, Progress, StalledReader};

impl Facts {
    /// The weakest claim for every fact. A scheme states what it claims beyond that, so that a fact which it leaves out
    /// is never claimed too much.
    ///
    /// ```
    /// use zonelist_core::publish::{Facts, Guarantee};
    ///
    /// const FACTS: Facts = Facts { guarantee: Guarantee::Snapshot, ..Facts::weakest("Mine", "my-crate", "") };
    /// assert!(!FACTS.interrupt_safe && FACTS.registers);
    /// ```
    #[must_use]
    pub const fn weakest(scheme: &'static str, package: &'static str, card: &'static str) -> Self {
        Self {
            scheme,
            package,
            card,
            guarantee: Guarantee::Racy,
            readers: Progress::Blocking,
            writer: Progress::Blocking,
            allocates: Allocates::Both,
            registers: true,
            interrupt_safe: false,
            below_allocator: false,
            after_fork: false,
            tls_destructor: false,
            retires: false,
            stalled_reader: StalledReader::Unbounded,
            no_std: false,
            no_alloc: false,
        }
    }

    /// What follows from keeping all lists in tables that are allocated once, and readers' state in their slots:
    /// nothing is allocated later, and neither std nor a heap is needed. Every other fact is as in [`Facts::weakest`].
    #[must_use]
    pub const fn for_tables(scheme: &'static str, package: &'static str, card: &'static str) -> Self {
        Self {
            allocates: Allocates::Never,
            below_allocator: true,
            tls_destructor: true,
            stalled_reader: StalledReader::Bounded,
            no_std: true,
            no_alloc: true,
            ..Self::weakest(scheme, package, card)
        }
    }
}

/// The items of a [`Scheme`](crate::publish::Scheme) whose readers keep nothing of their own, and whose walks filter by
/// a [`SlotFilter`](crate::SlotFilter): `LocalHandle`, `Filter`, `local` and `filter`.
///
/// Goes into the `impl` block, beside the items that are the scheme's own:
///
/// ```text
/// impl Scheme for MyScheme {
///     const FACTS: Facts = Facts { guarantee: Guarantee::Racy, ..Facts::for_tables("MyScheme", "my-crate", CARD) };
///     const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
///     type Pinned<'g> = &'g Self;
///     type Walk<'w> = SlotWalk<'w, Slot>;
///     zonelist_core::slot_readers!();
///
///     fn pin ..., fn walk ..., fn publish ...
/// }
/// ```
#[macro_export]
macro_rules! slot_readers {
    () => {
        type Local = ();
        type Filter = $crate::SlotFilter;

        fn local(&self) {}

        fn filter(&self, request: &$crate::Request) -> $crate::SlotFilter {
            $crate::SlotFilter::new(request)
        }
    };
}
