//! `InPlace`: the live slots are rewritten under the readers.
//!
//! Linux from 4.14 to 5.19 ("mm, page_alloc: remove stop_machine from build_all_zonelists"). The
//! writer goes through each list from left to right, then writes the terminator; readers look at
//! whatever is there. The commit argued that a reader may miss a zone or see one twice but always
//! sees at least one. It does not: with `[N]` growing to `[M, N]`, a reader that N serves and M
//! does not can find M in the first slot and the old end in the second. The models of this crate
//! find that walk, and the missed and the repeated zone too.
//!
//! Two things are better than in Linux. A zoneref is one word, so a reader never pairs a new zone
//! with an old index. And the tail behind the terminator is cleared before `publish` returns:
//! every slot then holds an entry of the current version, or of the one being written, or nothing.
//! So there is no zone of no candidate in any walk, and a walk ends within the list's capacity.

use zonelist_core::{
    Lists, NodeId, Request, Slot, SlotFilter, SlotWalk, Slots, Storage,
    publish::{Allocates, Facts, Grace, Guarantee, Progress, PublishError, ReadToken, Scheme, StalledReader, Writer},
};

/// One table, rewritten in place. Readers and the writer never wait.
///
#[doc = include_str!("in_place.md")]
///
/// ```
/// use zonelist_core::{Capacity, Slot, Slots, publish::{FullFence, Published}};
/// use zonelist_inplace::InPlace;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<InPlace<[Slot; CAPACITY.words()]>, FullFence, 1> =
///     Published::new(InPlace::new(Slots::in_array(CAPACITY).unwrap()));
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct InPlace<T>(Slots<T>);

impl<T> InPlace<T> {
    /// Publishes through this table.
    #[must_use]
    pub const fn new(table: Slots<T>) -> Self {
        Self(table)
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for InPlace<T> {
    const FACTS: Facts = Facts {
        scheme: "InPlace",
        package: "zonelist-inplace",
        card: include_str!("in_place.md"),
        guarantee: Guarantee::Racy,
        readers: Progress::WaitFree,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: true,
        below_allocator: true,
        after_fork: true,
        tls_destructor: true,
        retires: false,
        stalled_reader: StalledReader::Bounded,
        no_std: true,
        no_alloc: true,
    };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g>
        = &'g Slots<T>
    where
        T: 'g;
    type Walk<'w>
        = SlotWalk<'w, Slot>
    where
        T: 'w;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Slots<T> {
        &self.0
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w &'g Slots<T>, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, Slot> {
        table.walk(node, filter)
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Ok(self.0.rewrite(next)?)
    }
}
