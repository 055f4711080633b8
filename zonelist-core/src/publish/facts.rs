//! The guarantee of a scheme, and the other facts that a user chooses by.

use core::fmt;

/// What the walks of a scheme may show. What follows for code that walks: [the guide](crate::guide::guarantees).
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
///
/// [`Facts::new`] claims the least of every fact, and each method claims one fact more. So a scheme that does not
/// mention a fact claims nothing by it, and a fact that a later version adds breaks no scheme:
///
/// ```
/// use zonelist_core::publish::{Facts, Guarantee};
///
/// const FACTS: Facts = Facts::new("MyScheme", env!("CARGO_PKG_NAME")).guarantee(Guarantee::Snapshot).after_fork();
/// assert!(FACTS.after_fork && FACTS.registers && !FACTS.interrupt_safe);
/// ```
///
/// For that reason no other crate can write the struct out, not even with a base:
///
/// ```compile_fail,E0639
/// use zonelist_core::publish::{Facts, Guarantee};
///
/// const FACTS: Facts = Facts { guarantee: Guarantee::Snapshot, ..Facts::new("MyScheme", env!("CARGO_PKG_NAME")) };
/// ```
///
/// The macros `model!` and `facts!` (features `model` and `facts`) hold a scheme to its facts. Each method below names
/// its check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The package it is in.
    pub package: &'static str,
    /// What its users should know, in words: see [`Facts::card`](Self::card()).
    pub card: &'static str,
    /// What its walks may show.
    pub guarantee: Guarantee,
    /// The progress of readers until a walk that is not torn.
    pub readers: Progress,
    /// The progress of a publish, once it has the writer lock.
    pub writer: Progress,
    /// What uses the heap.
    pub allocates: Allocates,
    /// Whether a reader must have a slot of its own before it walks.
    pub registers: bool,
    /// Whether a walk may run in a signal handler or interrupt.
    pub interrupt_safe: bool,
    /// Whether it may serve a global allocator.
    pub below_allocator: bool,
    /// Whether a walk in the child of a fork ends as it would have.
    pub after_fork: bool,
    /// Whether a walk in the destructor of a thread-local ends as any other.
    pub tls_destructor: bool,
    /// Whether what only older versions refer to can be freed while readers go on.
    pub retires: bool,
    /// Memory kept for a stalled reader.
    pub stalled_reader: StalledReader,
    /// Whether it builds without std.
    pub no_std: bool,
    /// Whether it builds without alloc.
    pub no_alloc: bool,
}

impl Facts {
    /// The least claims of a scheme of this name, in a package: `env!("CARGO_PKG_NAME")`.
    ///
    /// Walks may be torn, both sides may wait and use the heap, each reader registers, a stalled reader keeps ever more
    /// memory, and every other fact is false. The card is empty.
    #[must_use]
    pub const fn new(scheme: &'static str, package: &'static str) -> Self {
        Self {
            scheme,
            package,
            card: "",
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

    /// The same facts under another name: for a scheme that wraps or varies another.
    #[must_use]
    pub const fn scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    /// What its users should know, as a list in Markdown: what a read costs, what a walk shows, what waits for what,
    /// what memory is kept, where it may be called, how it is checked, when not to use it. By default empty.
    ///
    /// No check of the kit reads it. The tests of this workspace compare the cards of its own schemes with their facts.
    #[must_use]
    pub const fn card(mut self, card: &'static str) -> Self {
        self.card = card;
        self
    }

    /// What its walks may show, at worst. By default [`Guarantee::Racy`].
    ///
    /// Shown by `model!`, by [`conformance::Stress`](crate::conformance) and by every other check that judges walks.
    #[must_use]
    pub const fn guarantee(mut self, guarantee: Guarantee) -> Self {
        self.guarantee = guarantee;
        self
    }

    /// The progress of readers until a walk that is not torn, including all torn walks before it. Each single walk ends
    /// within the list's capacity. By default [`Progress::Blocking`].
    ///
    /// Shown by `model!`, which fails if a reader waits and this says that none does. It does not tell
    /// [`Progress::WaitFree`] from [`Progress::LockFree`].
    #[must_use]
    pub const fn readers(mut self, readers: Progress) -> Self {
        self.readers = readers;
        self
    }

    /// The progress of a publish, once it has the writer lock. By default [`Progress::Blocking`].
    ///
    /// Shown by `model!`, as for [`Facts::readers`](Self::readers()).
    #[must_use]
    pub const fn writer(mut self, writer: Progress) -> Self {
        self.writer = writer;
        self
    }

    /// What uses the heap, after construction and registration. By default [`Allocates::Both`].
    ///
    /// Shown by the test `allocates` of `facts!`, which counts. It has to be equal, so that the default fails for a
    /// scheme that uses the heap less.
    #[must_use]
    pub const fn allocates(mut self, allocates: Allocates) -> Self {
        self.allocates = allocates;
        self
    }

    /// Claims that a reader needs no slot of its own: there may be more readers than
    /// [`Published`](crate::publish::Published) has slots. Then [`Facts::registers`](Self#structfield.registers) is
    /// false.
    ///
    /// Shown by the test `registers` of `facts!`, by 64 readers where two have room. It has to be equal.
    #[must_use]
    pub const fn no_registration(mut self) -> Self {
        self.registers = false;
        self
    }

    /// Claims that a walk may run in a signal handler or interrupt, with a reader of its own, whatever was interrupted
    /// on the same CPU: a publish, or the walks of other readers.
    ///
    /// Shown by the test `interrupt_safe` of `facts!`, by signals that interrupt publishes and walks, and by the shape
    /// `an_interrupt` of `model!`. Where it is false, an allocation that must not wait is refused
    /// ([`TryAllocError`](crate::page_alloc::TryAllocError)).
    #[must_use]
    pub const fn interrupt_safe(mut self) -> Self {
        self.interrupt_safe = true;
        self
    }

    /// Claims that it may serve a global allocator, which registers its readers, walks and is published to from within
    /// allocations: neither side uses the heap, not even once.
    ///
    /// Shown by the test `below_allocator` of `facts!`, whose program allocates through the scheme.
    #[must_use]
    pub const fn below_allocator(mut self) -> Self {
        self.below_allocator = true;
        self
    }

    /// Claims that a walk in the child of a fork ends as it would have, though the fork cut a publish short.
    ///
    /// Shown by the test `after_fork` of `facts!`, by walks in children whose parent was within a publish.
    #[must_use]
    pub const fn after_fork(mut self) -> Self {
        self.after_fork = true;
        self
    }

    /// Claims that a walk in the destructor of a thread-local ends as any other, after any destructors that ran before.
    ///
    /// Shown by the test `tls_destructor` of `facts!`, by walks in such destructors.
    #[must_use]
    pub const fn tls_destructor(mut self) -> Self {
        self.tls_destructor = true;
        self
    }

    /// Claims that what only older versions refer to can be freed while readers go on: the scheme implements
    /// [`Reclaim`](crate::publish::Reclaim).
    ///
    /// Shown by the test `retires` of `facts!`, which asks whether it does (it has to be equal), and by `model!` with
    /// `retires` before the scheme, which explores grace periods.
    #[must_use]
    pub const fn retires(mut self) -> Self {
        self.retires = true;
        self
    }

    /// The memory kept while a reader is stalled within a walk. By default [`StalledReader::Unbounded`].
    ///
    /// Shown by the test `stalled_reader` of `facts!`, by many publishes beside a stalled walk. It has to be equal.
    #[must_use]
    pub const fn stalled_reader(mut self, stalled_reader: StalledReader) -> Self {
        self.stalled_reader = stalled_reader;
        self
    }

    /// Claims that its package builds without std, if its default features are off.
    ///
    /// Shown by the test `no_alloc` of `facts!`, which builds a program without std with the package.
    #[must_use]
    pub const fn no_std(mut self) -> Self {
        self.no_std = true;
        self
    }

    /// Claims that its package builds without alloc, if its default features are off, and that the scheme never uses
    /// the heap.
    ///
    /// Shown by the test `no_alloc` of `facts!`: it builds a program without an allocator with the package, and counts.
    #[must_use]
    pub const fn no_alloc(mut self) -> Self {
        self.no_alloc = true;
        self
    }
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
