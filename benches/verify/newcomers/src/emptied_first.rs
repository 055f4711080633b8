//! Faulty: a publish empties the list behind the lock, and stores the new one after it has taken the lock again.

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    EmptiedFirst,
    RwLock,
    RwLockReadGuard,
    read,
    write,
    allocates(Allocates::Publish),
    readers(Progress::Blocking),
    writer(Progress::Blocking);
    ZonelistsRef::EMPTY
);
