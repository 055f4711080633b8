//! `StopWorld` and `StopWorldPreempted`: readers stand still while the lists are rewritten.
//!
//! Linux until 4.13 rebuilt its zonelists under `stop_machine`, which runs every CPU into a spin
//! loop. Ours closes a gate that readers look at on their way in, waits until nobody is inside,
//! rewrites the one table there is, and opens the gate. A walk therefore never meets a rewrite:
//! each is exactly one version's list.
//!
//! What the kernel's version did *not* give is the point of the second scheme. `stop_machine`
//! stops a CPU wherever it is, also between two entries of a list, so that a walk begun over one
//! version could go on over the next. [`StopWorldPreempted`] leaves its seat around each zoneref
//! as such a reader did. It shows no half-written list: growing `[N]` to `[M, N]` never shows an
//! empty walk to a request that N serves. Yet a zone can be missed, met twice, or all of them
//! passed by.

use crate::{
    Lists, NodeId, Request, Slot, SlotFilter, SlotWalk, Slots, Storage, Zoneref,
    publish::{
        Allocates, Facts, Forked, Grace, Guarantee, Progress, PublishError, ReadToken, Reclaim, Scheme, StalledReader,
        WaitError, Walk, Writer,
    },
    sync::{
        Track, const_fn,
        unmodelled::{self, Ordering::SeqCst},
    },
};

/// The baseline: a gate, a table, and a writer that waits.
///
#[doc = include_str!("stop_world.md")]
///
/// Not for interrupts: a reader in one could wait for a writer that waits for the reader below it.
#[derive(Debug)]
pub struct StopWorld<T>(Gated<T>);

/// A table that is read from seats and written only while all of them are empty.
#[derive(Debug)]
pub struct Gated<T> {
    slots: Slots<T>,
    memory: Track,
    /// Whether the table is being rewritten, for a child of a fork to know of.
    rewriting: unmodelled::AtomicBool,
}

impl<T> Gated<T> {
    const_fn! {
        const fn new(slots: Slots<T>) -> Self {
            Self { slots, memory: Track::new(), rewriting: unmodelled::AtomicBool::new(false) }
        }
    }
}

impl<T: Storage<Word = Slot>> Gated<T> {
    fn rewrite(&self, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        // Lists that do not fit are to stop nobody.
        self.slots.check(next)?;
        writer.stop(|| {
            self.memory.write();
            self.rewriting.store(true, SeqCst);
            let rewritten = self.slots.rewrite(next);
            self.rewriting.store(false, SeqCst);
            Ok(rewritten?)
        })?
    }

    /// Every list is empty, if the rewriting of the table was cut short. Nobody is within a walk then: it had
    /// been waited for that.
    fn forked(&self, fork: Forked) {
        if fork.publish && self.rewriting.swap(false, SeqCst) {
            let emptied = self.slots.rewrite(Lists::EMPTY);
            debug_assert!(emptied.is_ok(), "{emptied:?}");
        }
    }

    #[inline(always)]
    fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> GatedWalk<'w> {
        GatedWalk { slots: self.slots.walk(node, filter), memory: &self.memory }
    }
}

impl<T> StopWorld<T> {
    const_fn! {
        /// Publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self(Gated::new(table))
        }
    }
}

/// A walk over a table that does not change meanwhile.
#[derive(Clone, Debug)]
pub struct GatedWalk<'w> {
    slots: SlotWalk<'w, Slot>,
    memory: &'w Track,
}

impl GatedWalk<'_> {
    #[inline(always)]
    fn step(&mut self) -> Option<Option<Zoneref>> {
        self.memory.read();
        self.slots.step()
    }
}

impl Iterator for GatedWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.memory.read();
        self.slots.next()
    }
}

impl Walk for GatedWalk<'_> {}

impl<T: Storage<Word = Slot> + Sync> Scheme for StopWorld<T> {
    const FACTS: Facts = Facts {
        scheme: "StopWorld",
        package: "zonelist-core",
        card: include_str!("stop_world.md"),
        guarantee: Guarantee::Snapshot,
        readers: Progress::Blocking,
        writer: Progress::Blocking,
        allocates: Allocates::Never,
        registers: true,
        interrupt_safe: false,
        below_allocator: true,
        after_fork: false,
        tls_destructor: true,
        retires: true,
        stalled_reader: StalledReader::Bounded,
        no_std: true,
        no_alloc: true,
    };
    const GRACE: Grace = Grace::Section;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g>
        = &'g Gated<T>
    where
        T: 'g;
    type Walk<'w>
        = GatedWalk<'w>
    where
        T: 'w;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Gated<T> {
        &self.0
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w &'g Gated<T>, node: NodeId, filter: &'w SlotFilter) -> GatedWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.0.rewrite(next, writer)
    }

    fn forked(&self, fork: Forked) {
        self.0.forked(fork);
    }
}

impl<T: Storage<Word = Slot> + Sync> Reclaim for StopWorld<T> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.stop(|| ())
    }
}

/// What stopping the world gave the kernel: a walk may be interrupted between any two zonerefs.
///
#[doc = include_str!("stop_world_preempted.md")]
#[derive(Debug)]
pub struct StopWorldPreempted<T>(Gated<T>);

impl<T> StopWorldPreempted<T> {
    const_fn! {
        /// Publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self(Gated::new(table))
        }
    }
}

/// A walk that takes its seat for each zoneref and leaves it in between.
#[derive(Debug)]
pub struct PreemptedWalk<'w, T: Storage<Word = Slot> + Sync> {
    slots: GatedWalk<'w>,
    token: ReadToken<'w, StopWorldPreempted<T>>,
}

impl<T: Storage<Word = Slot> + Sync> Clone for PreemptedWalk<'_, T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), token: self.token.clone() }
    }
}

impl<T: Storage<Word = Slot> + Sync> Iterator for PreemptedWalk<'_, T> {
    type Item = Zoneref;

    #[inline]
    fn next(&mut self) -> Option<Zoneref> {
        let Self { slots, token } = self;
        // Each slot is a step of its own, also one that the filter passes over.
        loop {
            if let Some(seen) = token.step_alone(|| slots.step()) {
                return seen;
            }
        }
    }
}

impl<T: Storage<Word = Slot> + Sync> Walk for PreemptedWalk<'_, T> {}

impl<T: Storage<Word = Slot> + Sync> Scheme for StopWorldPreempted<T> {
    const FACTS: Facts = Facts {
        scheme: "StopWorldPreempted",
        package: "zonelist-core",
        card: include_str!("stop_world_preempted.md"),
        guarantee: Guarantee::Racy,
        retires: false,
        ..<StopWorld<T> as Scheme>::FACTS
    };
    const GRACE: Grace = Grace::Step;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g>
        = (&'g Gated<T>, ReadToken<'g, Self>)
    where
        T: 'g;
    type Walk<'w>
        = PreemptedWalk<'w, T>
    where
        T: 'w;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), token: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        (&self.0, token)
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(
        (table, token): &'w Self::Pinned<'g>,
        node: NodeId,
        filter: &'w SlotFilter,
    ) -> PreemptedWalk<'w, T> {
        PreemptedWalk { slots: table.walk(node, filter), token: token.clone() }
    }

    fn publish(&self, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.0.rewrite(next, writer)
    }

    fn forked(&self, fork: Forked) {
        self.0.forked(fork);
    }
}
