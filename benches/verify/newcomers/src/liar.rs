//! A scheme that holds, with false facts: it uses the heap, a handler waits for the code that it has interrupted, and
//! it needs std.

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    Liar,
    RwLock,
    RwLockReadGuard,
    read,
    write,
    interrupt_safe(),
    readers(Progress::Blocking),
    writer(Progress::Blocking)
);
