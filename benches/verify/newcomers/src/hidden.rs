//! Not explored: a lock that loom does not see.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    Hidden,
    Mutex,
    MutexGuard,
    lock,
    lock,
    allocates(Allocates::Publish),
    readers(Progress::Blocking),
    writer(Progress::Blocking)
);
