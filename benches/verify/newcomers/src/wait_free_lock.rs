//! Faulty: a lock, with facts that declare that nothing waits.

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, PublishError, ReadToken, Scheme, Writer},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(WaitFreeLock, RwLock, RwLockReadGuard, read, write, allocates(Allocates::Publish));
