//! Contenders in C: the walk without protection, and the same walk under liburcu's memb flavour.

use std::hint::black_box;

use zonelist_core::{
    NodeId, ZoneKind,
    zonelist::{Scope, ZonelistsRef},
};

use super::{Contender, PeerEntry};

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

/// The memb flavour of liburcu, without a publisher.
pub(super) const PEER: PeerEntry = PeerEntry {
    name: "liburcu memb",
    baseline: Some(|lists| Box::new(InC::raw(lists))),
    contender: |lists| Box::new(InC::rcu(lists)),
    judge: None,
    under_load: None,
    publish: None,
};

type Loop = unsafe extern "C" fn(*const *const Table, *const Filter, *const NodeId, usize) -> u32;
type Chain = unsafe extern "C" fn(*const *const Table, *const Filter, *const NodeId, usize, usize) -> u32;

unsafe extern "C" {
    fn zonelist_raw_independent(current: *const *const Table, _: *const Filter, _: *const NodeId, count: usize) -> u32;
    fn zonelist_raw_full(current: *const *const Table, _: *const Filter, _: *const NodeId, count: usize) -> u32;
    fn zonelist_raw_dependent(
        current: *const *const Table,
        _: *const Filter,
        _: *const NodeId,
        count: usize,
        none: usize,
    ) -> u32;
    fn zonelist_rcu_independent(current: *const *const Table, _: *const Filter, _: *const NodeId, count: usize) -> u32;
    fn zonelist_rcu_full(current: *const *const Table, _: *const Filter, _: *const NodeId, count: usize) -> u32;
    fn zonelist_rcu_dependent(
        current: *const *const Table,
        _: *const Filter,
        _: *const NodeId,
        count: usize,
        none: usize,
    ) -> u32;
    fn zonelist_rcu_register();
    fn zonelist_rcu_unregister();
}

/// Registers the calling thread with liburcu until the thread ends.
struct Registered;

thread_local! {
    static REGISTERED: Registered = {
        // SAFETY: a thread-local initialises once for each thread, so no thread registers twice.
        unsafe { zonelist_rcu_register() };
        Registered
    };
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the thread was registered when this value was made, and it is outside of read-side critical sections,
        // which never outlive a loop.
        unsafe { zonelist_rcu_unregister() };
    }
}

/// A contender in C. It must be read by the thread that made it, which is the registered one.
struct InC {
    /// The pointer that readers dereference, at a stable address.
    current: Box<*const Table>,
    filter: Filter,
    independent: Loop,
    dependent: Chain,
    full: Loop,
    /// The targets of the pointers above.
    _table: Box<Table>,
    _words: Vec<u32>,
}

impl InC {
    /// The baseline.
    fn raw(lists: ZonelistsRef<'_>) -> Self {
        Self::over(lists, (zonelist_raw_independent, zonelist_raw_dependent, zonelist_raw_full))
    }

    /// Each read within a read-side critical section.
    fn rcu(lists: ZonelistsRef<'_>) -> Self {
        REGISTERED.with(|_| ());
        Self::over(lists, (zonelist_rcu_independent, zonelist_rcu_dependent, zonelist_rcu_full))
    }

    fn over(lists: ZonelistsRef<'_>, (independent, dependent, full): (Loop, Chain, Loop)) -> Self {
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
        Self {
            current: Box::new(&raw const *table),
            filter,
            independent,
            dependent,
            full,
            _table: table,
            _words: words,
        }
    }
}

impl Contender for InC {
    fn independent(&mut self, nodes: &[NodeId]) -> u32 {
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`; a
        // `NodeId` is a `u16`, and `nodes` has the length passed.
        unsafe { (self.independent)(&raw const *self.current, &raw const self.filter, nodes.as_ptr(), nodes.len()) }
    }

    fn dependent(&mut self, nodes: &[NodeId]) -> u32 {
        // Zero, which the compiler can't know, so that each read depends on the one before.
        let none = black_box(0);
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`. A
        // `NodeId` is a `u16`, `nodes` has the length passed, and with no bit in `none` every index is below that
        // length.
        unsafe { (self.dependent)(&raw const *self.current, &raw const self.filter, nodes.as_ptr(), nodes.len(), none) }
    }

    fn full(&mut self, nodes: &[NodeId]) -> u32 {
        // SAFETY: `current` and `filter` are laid out as the C source declares them and live as long as `self`; a
        // `NodeId` is a `u16`, and `nodes` has the length passed.
        unsafe { (self.full)(&raw const *self.current, &raw const self.filter, nodes.as_ptr(), nodes.len()) }
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
            for mut c in [InC::raw(lists.lists()), InC::rcu(lists.lists())] {
                assert_eq!((c.independent(&nodes), c.dependent(&nodes[..1]), c.full(&nodes)), expected);
            }
        }
    }
}
