//! Names that loom does not see, in each spelling that a source may use, and names that are permitted.

use std::{
    cell::{self, UnsafeCell},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32 as Word, Ordering::Relaxed},
        mpsc,
    },
};

#[cfg(not(loom))]
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU16; // Not explored: a count that no walk reads.
#[cfg(loom)]
use zonelist_core::sync::atomic::AtomicU8;

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    Spelled,
    Mutex,
    MutexGuard,
    lock,
    lock,
    allocates(Allocates::Publish),
    readers(Progress::Blocking),
    writer(Progress::Blocking)
);

/// Uses these names; `parking_lot::RwLock` in a comment is not reported.
pub fn uses() -> usize {
    let (flag, word, count) = (AtomicBool::new(true), Word::new(1), core::sync::atomic::AtomicUsize::new(1));
    let (unread, byte) = (AtomicU16::new(1), AtomicU8::new(1));
    let once: std::sync::OnceLock<u8> = std::sync::OnceLock::new();
    let (cell, unsafe_cell) = (cell::Cell::new(1), UnsafeCell::new(1));
    drop(mpsc::channel::<u8>());
    // SAFETY: the pointer comes from `into_raw`, and is used once.
    drop(unsafe { Box::from_raw(Box::into_raw(Box::new(1))) });
    usize::from(flag.load(Relaxed))
        + word.load(Relaxed) as usize
        + count.load(Relaxed)
        + usize::from(unread.load(Relaxed))
        + usize::from(byte.load(Relaxed))
        + once.get().map_or(0, |&once| usize::from(once))
        + cell.get()
        + unsafe_cell.into_inner()
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;

    #[test]
    fn a_lock_of_a_unit_test_is_not_reported() {
        assert_eq!(*RwLock::new(super::uses()).read().unwrap(), 7);
    }
}
