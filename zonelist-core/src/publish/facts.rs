//! The guarantee of a scheme, and the other facts that a user chooses by.

use core::fmt;

/// What the walks of a scheme may show.
///
/// [`conformance`](crate::conformance) checks it, by the same code in models, in tests and in the commands. How far
/// each scheme was explored for its own is in [`conformance::explored`](crate::conformance::explored).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Guarantee {
    /// May miss a zone, show one twice, out of order or none at all. Shows no zone of no version, and ends.
    Racy,
    /// A torn walk is reported: [`Walk::must_retry`](crate::publish::Walk::must_retry) is true of it.
    Detected,
    /// Every walk is exactly one version's list.
    Snapshot,
}

/// What an operation waits for, as far as the scheme decides: a heap that it uses may have locks of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Progress {
    /// Ends within a bounded number of its own steps.
    WaitFree,
    /// Of all threads, one always makes progress.
    LockFree,
    /// May wait for another thread.
    Blocking,
}

/// What uses the heap, to allocate or to free, after construction and registration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Allocates {
    /// Neither side.
    Never,
    /// A publish.
    Publish,
    /// A walk.
    Walk,
    /// Both sides.
    Both,
}

/// The memory kept while one reader is stalled within a walk and others publish.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StalledReader {
    /// A fixed amount.
    Bounded,
    /// More with every publish.
    Unbounded,
}

/// The claims of a scheme about itself. A model or test checks each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The package it is in.
    pub package: &'static str,
    /// What its users should know, in words: what a read costs, what a walk shows, what waits for what, what memory is
    /// kept, where it may be called, how it is checked, when not to use it. A list in Markdown.
    pub card: &'static str,
    /// What its walks may show.
    pub guarantee: Guarantee,
    /// The progress of readers until a walk that is not torn, including all torn walks before it. Each single walk ends
    /// within the list's capacity.
    pub readers: Progress,
    /// The progress of a publish, once it has the writer lock.
    pub writer: Progress,
    /// What uses the heap.
    pub allocates: Allocates,
    /// Whether a reader must have a slot of its own before it walks.
    pub registers: bool,
    /// Whether a walk may run in a signal handler or interrupt, with a reader of its own, whatever was
    /// interrupted on the same CPU: a publish, or the walks of other readers.
    pub interrupt_safe: bool,
    /// Whether it may serve a global allocator, which registers its readers, walks and is published to from
    /// within allocations: neither side uses the heap, not even once.
    pub below_allocator: bool,
    /// Whether a walk in the child of a fork ends as it would have, though the fork cut a publish short.
    pub after_fork: bool,
    /// Whether a walk in the destructor of a thread-local ends as any other, whichever destructors ran before.
    pub tls_destructor: bool,
    /// Whether what only older versions refer to can be freed while readers go on: see
    /// [`Reclaim`](crate::publish::Reclaim).
    pub retires: bool,
    /// Memory kept for a stalled reader.
    pub stalled_reader: StalledReader,
    /// Whether it builds without std.
    pub no_std: bool,
    /// Whether it builds without alloc.
    pub no_alloc: bool,
}

macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),* }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),* })
            }
        }
    };
}
words!(Guarantee { Racy => "Racy", Detected => "Detected", Snapshot => "Snapshot" });
words!(Progress { WaitFree => "wait-free", LockFree => "lock-free", Blocking => "blocking" });
words!(Allocates { Never => "never", Publish => "publish", Walk => "walk", Both => "both" });
words!(StalledReader { Bounded => "bounded", Unbounded => "unbounded" });
