//! Contenders in C: the walk without protection, and the same walk under three flavours of liburcu.
//!
//! The timed loops are in C. A walk that is judged is the baseline's, within a read-side critical section that it enters
//! and leaves by calls; so a flavour is judged by what its section protects, its publishes are timed, and reads under load
//! are not.

use std::{
    cell::RefCell,
    hint::black_box,
    marker::PhantomData,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Acquire},
    },
};

use zonelist_core::{
    NodeId, ZoneKind,
    zonelist::{Scope, ZonelistsRef},
};

use super::{Contender, Peer, PeerEntry, Table as ListTable};
use crate::judged::judge;

/// `struct table` of the C source.
#[repr(C)]
struct Table {
    words: *const u32,
    nodes: usize,
    stride: usize,
    own: usize,
    end: usize,
}

/// `struct filter` of the C source.
#[repr(C)]
struct Filter {
    limit: u32,
    own: usize,
    nodes: *const u64,
    kinds: u32,
}

/// `struct functions` of the C source.
#[repr(C)]
struct Functions {
    independent: unsafe extern "C" fn(*const *const Table, *const Filter, *const NodeId, usize) -> u32,
    dependent: unsafe extern "C" fn(*const *const Table, *const Filter, *const NodeId, usize, usize) -> u32,
    full: unsafe extern "C" fn(*const *const Table, *const Filter, *const NodeId, usize) -> u32,
    register: unsafe extern "C" fn(),
    unregister: unsafe extern "C" fn(),
    lock: unsafe extern "C" fn(),
    unlock: unsafe extern "C" fn(),
    synchronize: unsafe extern "C" fn(),
}

unsafe extern "C" {
    safe static zonelist_raw: Functions;
    safe static zonelist_memb: Functions;
    safe static zonelist_qsbr: Functions;
    safe static zonelist_bp: Functions;
}

/// A flavour of liburcu.
trait Flavour: 'static {
    const NAME: &'static str;

    fn functions() -> &'static Functions;
}

macro_rules! flavours {
    ($($(#[$doc:meta])* $flavour:ident, $name:literal, $functions:ident, $entry:ident;)*) => {
        $($(#[$doc])*
        enum $flavour {}

        impl Flavour for $flavour {
            const NAME: &'static str = $name;

            fn functions() -> &'static Functions {
                &$functions
            }
        }

        $(#[$doc])*
        pub(super) const $entry: PeerEntry = entry::<$flavour>();)*
    };
}

flavours! {
    /// Readers of memb have a counter each; a publisher runs a barrier on their CPUs.
    Memb, "liburcu memb", zonelist_memb, MEMB;
    /// Readers of qsbr report when they are between walks.
    Qsbr, "liburcu qsbr", zonelist_qsbr, QSBR;
    /// Readers of bp are those of memb, and are registered by their first section.
    Bp, "liburcu bp", zonelist_bp, BP;
}

const fn entry<F: Flavour>() -> PeerEntry {
    PeerEntry {
        name: F::NAME,
        baseline: Some(|lists| Box::new(InC::over(lists, &zonelist_raw))),
        contender: |lists| Box::new(InC::over(lists, F::functions())),
        judge: Some(judge::<_, Liburcu<F>>),
        under_load: None,
        publish: Some(|lists| Box::new(Liburcu::<F>::new(lists))),
    }
}

/// Registers the calling thread with a flavour until the thread ends.
struct Registered(&'static Functions);

thread_local! {
    static REGISTERED: RefCell<Vec<Registered>> = const { RefCell::new(Vec::new()) };
}

impl Registered {
    fn ensure(functions: &'static Functions) {
        REGISTERED.with_borrow_mut(|all| {
            if all.iter().all(|registered| !ptr::eq(registered.0, functions)) {
                // SAFETY: the thread is not registered with this flavour, since the list has an entry for each one that
                // it is registered with.
                unsafe { (functions.register)() };
                all.push(Self(functions));
            }
        });
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the thread was registered when this value was made, and it is outside of read-side critical sections,
        // which never outlive a loop or a read.
        unsafe { (self.0.unregister)() };
    }
}

/// Lists behind a pointer that a flavour protects.
struct Liburcu<F> {
    current: AtomicPtr<ListTable>,
    flavour: PhantomData<fn() -> F>,
}

/// A reader of the registered thread, which it must stay on.
struct LiburcuReader<'p, F> {
    published: &'p Liburcu<F>,
    of_thread: PhantomData<*const ()>,
}

/// A read-side critical section.
struct Section(&'static Functions);

impl Drop for Section {
    fn drop(&mut self) {
        // SAFETY: the thread entered the section when this value was made, and it has not left it.
        unsafe { (self.0.unlock)() };
    }
}

impl<F: Flavour> Peer for Liburcu<F> {
    const NAME: &'static str = F::NAME;

    type Reader<'p> = LiburcuReader<'p, F>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        let table = Box::into_raw(Box::new(ListTable::fixed(lists)));
        Self { current: AtomicPtr::new(table), flavour: PhantomData }
    }

    fn reader(&self) -> Self::Reader<'_> {
        Registered::ensure(F::functions());
        LiburcuReader { published: self, of_thread: PhantomData }
    }

    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&ListTable) -> R) -> R {
        let functions = F::functions();
        // SAFETY: a reader stays on the thread that it was made on, which is registered.
        unsafe { (functions.lock)() };
        let _section = Section(functions);
        // Acquire: pairs with the swap of a publish, which makes the table's contents visible.
        let table = reader.published.current.load(Acquire);
        // SAFETY: a publish frees a table only after a grace period that begins once the table is replaced, and this
        // section, in which it was loaded, ends after the call.
        f(unsafe { &*table })
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        let table = Box::into_raw(Box::new(ListTable::fixed(lists)));
        // Release: pairs with the load of a read.
        let old = self.current.swap(table, AcqRel);
        // SAFETY: the thread is outside of read-side critical sections.
        unsafe { (F::functions().synchronize)() };
        // SAFETY: `old` came from `Box::into_raw` and was replaced by this publish alone; the sections that may have
        // loaded it have ended.
        drop(unsafe { Box::from_raw(old) });
    }
}

impl<F> Drop for Liburcu<F> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Box::into_raw`, and readers and publishes borrow `self`.
        drop(unsafe { Box::from_raw(*self.current.get_mut()) });
    }
}

/// A contender in C. It must be read by the thread that made it, which is the registered one.
struct InC {
    /// The pointer that readers dereference, at a stable address.
    current: Box<*const Table>,
    filter: Filter,
    functions: &'static Functions,
    /// The targets of the pointers above.
    _table: Box<Table>,
    _words: Vec<u32>,
}

impl InC {
    fn over(lists: ZonelistsRef<'_>, functions: &'static Functions) -> Self {
        Registered::ensure(functions);
        let (nodes, own) = (lists.nodes(), lists.longest() + 1);
        let stride = own + ZoneKind::COUNT + 1;
        let mut words = vec![0; nodes * stride + 1];
        for (row, node) in words.chunks_exact_mut(stride).zip((0..).map_while(NodeId::new)) {
            for (from, scope) in [(0, Scope::Fallback), (own, Scope::ThisNode)] {
                row[from..].iter_mut().zip(lists.of(node, scope)).for_each(|(word, entry)| *word = entry.word());
            }
        }
        let table = Box::new(Table { words: words.as_ptr(), nodes, stride, own, end: nodes * stride });
        // Every kind of every node.
        let filter = Filter { limit: u32::MAX, own: 0, nodes: std::ptr::null(), kinds: ZoneKind::COUNT as u32 };
        Self { current: Box::new(&raw const *table), filter, functions, _table: table, _words: words }
    }
}

impl Contender for InC {
    fn independent(&mut self, nodes: &[NodeId]) -> u32 {
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`; a
        // `NodeId` is a `u16`, and `nodes` has the length passed.
        unsafe {
            (self.functions.independent)(&raw const *self.current, &raw const self.filter, nodes.as_ptr(), nodes.len())
        }
    }

    fn dependent(&mut self, nodes: &[NodeId]) -> u32 {
        // Zero, which the compiler can't know, so that each read depends on the one before.
        let none = black_box(0);
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`. A
        // `NodeId` is a `u16`, `nodes` has the length passed, and with no bit in `none` every index is below that
        // length.
        unsafe {
            (self.functions.dependent)(
                &raw const *self.current,
                &raw const self.filter,
                nodes.as_ptr(),
                nodes.len(),
                none,
            )
        }
    }

    fn full(&mut self, nodes: &[NodeId]) -> u32 {
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`; a
        // `NodeId` is a `u16`, and `nodes` has the length passed.
        unsafe { (self.functions.full)(&raw const *self.current, &raw const self.filter, nodes.as_ptr(), nodes.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::baseline::Baseline;
    use zonelist_schemes::workload::synthetic;

    #[test]
    fn reads_in_c_equal_reads_in_rust() {
        for zones in [1, 3, 8, 64] {
            let lists = synthetic(zones);
            let nodes: Vec<NodeId> = (0..100).filter_map(NodeId::new).collect();
            let mut raw = Baseline::new(lists.lists());
            let expected = (raw.independent(&nodes), raw.dependent(&nodes[..1]), raw.full(&nodes));
            assert!(expected.1 != 0);
            for functions in [&zonelist_raw, &zonelist_memb, &zonelist_qsbr, &zonelist_bp] {
                let mut c = InC::over(lists.lists(), functions);
                assert_eq!((c.independent(&nodes), c.dependent(&nodes[..1]), c.full(&nodes)), expected);
            }
        }
    }
}
