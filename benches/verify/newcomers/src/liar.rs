//! It holds, and its facts do not: it reaches for the heap, waits for what it has interrupted, and needs std.

use zonelist_core::{
    ZonelistsRef, NodeId, Request, Scope, Zonelists,
    publish::{Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use crate::smallest::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    Liar, RwLock, RwLockReadGuard, read, write,
    interrupt_safe: true, readers: Progress::Blocking, writer: Progress::Blocking
);
