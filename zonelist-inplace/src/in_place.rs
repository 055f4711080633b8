//! `InPlace`: the live slots are rewritten while readers walk them.
//!
//! Linux from 4.14 to 5.19 ("mm, page_alloc: remove stop_machine from build_all_zonelists").
//!
//! ```text
//!   publish, for each list:                    walk:
//!     store the zonerefs from left to right      load slots from left to right,
//!     store the terminator                         up to the terminator
//!     clear the slots behind it
//! ```
//!
//! The commit of Linux argues that a reader may miss a zone, or see one twice, but always sees at least one. That
//! is wrong. Say `[N]` grows to `[M, N]`, and N serves a request that M does not. A reader can find M in the first slot
//! and the old terminator in the second. The models of this crate find that walk, and the missed and the repeated zone too.
//!
//! Two things are better than in Linux:
//!
//! - A zoneref is one word, so that a reader never pairs a new zone with an old index.
//! - The slots behind the terminator are cleared before `publish` returns. So every slot holds an entry of the current
//!   version, or of the version being written, or nothing. No walk shows a zone of neither, and each ends within the
//!   list's capacity.
//!
//! All loads and stores of slots are Relaxed. No ordering between them is relied on, so that there are no pairs to name.

use zonelist_core::{
    NodeId,
    publish::{
        Allocates, Facts, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader, Writer,
    },
    table::{Slot, SlotFilter, SlotWalk, Slots, Storage},
    zonelist::ZonelistsRef,
};

/// One table, rewritten in place. Neither readers nor the writer wait.
///
#[doc = include_str!("in_place.md")]
///
/// ```
/// use zonelist_core::{publish::Published, table::{Capacity, Slot, Slots}};
/// use zonelist_inplace::InPlace;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<InPlace<[Slot; CAPACITY.words()]>> = Published::with_slots(
///     InPlace::new(Slots::in_array(CAPACITY).unwrap()),
///     // SAFETY: the initializer of a static is evaluated once.
///     unsafe { zonelist_core::static_reader_slots!(64) },
/// );
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct InPlace<T>(Slots<T>);

impl<T> InPlace<T> {
    /// A scheme that publishes through this table.
    #[must_use]
    pub const fn new(table: Slots<T>) -> Self {
        Self(table)
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for InPlace<T> {
    const FACTS: Facts = Facts::new("InPlace", env!("CARGO_PKG_NAME"))
        .card(include_str!("in_place.md"))
        .guarantee(Guarantee::Racy)
        .readers(Progress::WaitFree)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g>
        = &'g Self
    where
        T: 'g;
    type Walk<'w>
        = SlotWalk<'w, Slot>
    where
        T: 'w;
    zonelist_core::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, Slot> {
        scheme.0.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Ok(self.0.rewrite(next)?)
    }
}
