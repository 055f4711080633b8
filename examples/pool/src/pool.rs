//! The pool: a slot for each key, which has the handle of its page and the sum of the page's content.

use std::{
    iter,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use zonelist_core::{
    Mobility, NodeId, Page, PageRequest, Request, ZoneKind,
    page_alloc::{Handle, LocalHandle, PreparedRequest},
    publish::Standard,
};

use crate::{
    error::PoolError,
    tiers::{Listing, PAGE_BYTES, Tiers, copy},
};

/// The words of a page.
const WORDS: usize = PAGE_BYTES / 8;

/// A thread's handle of the page allocator.
pub type Local<'p> = LocalHandle<'p, 'static, Listing, Standard>;

/// A page in the pool, and the sum of its content.
#[derive(Clone, Copy, Debug)]
struct Entry {
    handle: Handle,
    sum: u64,
}

/// What the pool has of a key.
#[derive(Debug, Default)]
struct Slot {
    entry: Mutex<Option<Entry>>,
    /// Set by each use, cleared by the clock.
    used: AtomicBool,
}

/// Pages by key, on a machine with two tiers.
#[expect(missing_debug_implementations, reason = "prepared requests have no text")]
pub struct Pool<'t> {
    pub(crate) tiers: &'t Tiers,
    slots: Vec<Slot>,
    anywhere: PreparedRequest<Listing>,
    this_node: PreparedRequest<Listing>,
    /// Pages that were verified, over all threads.
    pub verified: AtomicUsize,
}

impl<'t> Pool<'t> {
    /// A pool for keys below `keys`.
    #[must_use]
    pub fn new(tiers: &'t Tiers, keys: usize) -> Self {
        let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable);
        let this_node = PageRequest { zones: Request::up_to(ZoneKind::Movable).this_node(), ..request };
        let allocator = tiers.provider().allocator();
        Self {
            tiers,
            slots: iter::repeat_with(Slot::default).take(keys).collect(),
            anywhere: allocator.prepare(&request),
            this_node: allocator.prepare(&this_node),
            verified: AtomicUsize::new(0),
        }
    }

    /// The number of keys.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.slots.len()
    }

    /// Verifies the page of a key and writes `value` over its content. Adds the page if the pool lacks it. Returns false
    /// if no tier has a free page.
    ///
    /// # Errors
    /// The content is not what was written last.
    pub fn write(&self, key: usize, value: u64, local: &mut Local<'_>) -> Result<bool, PoolError> {
        let pages = self.tiers.provider().migration_source();
        let mut entry = self.lock(key);
        if entry.is_none() {
            let Ok(page) = local.alloc(crate::tiers::NEAR, &self.anywhere) else { return Ok(false) };
            *entry = Some(Entry { handle: pages.insert(page)?, sum: 0 });
        } else {
            self.verify(key, *entry)?;
        }
        let Some(Entry { handle, sum }) = &mut *entry else { return Ok(false) };
        let guard = pages.hold(*handle)?;
        let mut draw = fastrand::Rng::with_seed(value);
        let words: [u64; WORDS] = std::array::from_fn(|_| draw.u64(..));
        let bytes = self.tiers.provider().backing().bytes(guard.page()).ok_or(PoolError::NoMemory)?;
        // SAFETY: the page is allocated and its frame committed, the guard keeps it there, and the lock of the slot
        // excludes all other users. A page is aligned for words.
        unsafe { bytes.cast::<[u64; WORDS]>().write(words) };
        *sum = sum_of(&words);
        self.slots[key].used.store(true, Relaxed);
        Ok(true)
    }

    /// Verifies the page of a key and frees it.
    ///
    /// # Errors
    /// The content is not what was written last.
    pub fn remove(&self, key: usize, local: &mut Local<'_>) -> Result<(), PoolError> {
        let mut entry = self.lock(key);
        self.verify(key, *entry)?;
        if let Some(Entry { handle, .. }) = entry.take() {
            local.free(self.tiers.provider().migration_source().remove(handle)?)?;
        }
        Ok(())
    }

    /// Moves the page of a key to a tier, by a page of that tier and a copy. Returns false if the tier is full.
    ///
    /// # Errors
    /// The page is not one of this pool's.
    pub fn transfer(&self, key: usize, to: NodeId, local: &mut Local<'_>) -> Result<bool, PoolError> {
        let (pages, arena) = (self.tiers.provider().migration_source(), self.tiers.provider().backing());
        let mut entry = self.lock(key);
        let Some(Entry { handle, .. }) = &mut *entry else { return Ok(true) };
        let Ok(target) = local.alloc(to, &self.this_node) else { return Ok(false) };
        let source = pages.remove(*handle)?;
        copy(arena, &source, &target)?;
        *handle = pages.insert(target)?;
        local.free(source)?;
        Ok(true)
    }

    /// The tier of the page of a key, and whether the page was used since the last call. `None` without a page.
    ///
    /// # Errors
    /// The page is not one of this pool's.
    pub fn inspect(&self, key: usize) -> Result<Option<(NodeId, bool)>, PoolError> {
        let Some(Entry { handle, .. }) = *self.lock(key) else { return Ok(None) };
        let guard = self.tiers.provider().migration_source().hold(handle)?;
        let node = self.node_of(guard.page())?;
        Ok(Some((node, self.slots[key].used.swap(false, Relaxed))))
    }

    /// Compares the content of a page with its sum.
    fn verify(&self, key: usize, entry: Option<Entry>) -> Result<(), PoolError> {
        let Some(Entry { handle, sum: expected }) = entry else { return Ok(()) };
        let guard = self.tiers.provider().migration_source().hold(handle)?;
        let bytes = self.tiers.provider().backing().bytes(guard.page()).ok_or(PoolError::NoMemory)?;
        // SAFETY: as in `write`: allocated, committed, kept by the guard, and the caller has the lock of the slot.
        let found = sum_of(&unsafe { bytes.cast::<[u64; WORDS]>().read() });
        self.verified.fetch_add(1, Relaxed);
        if found == expected { Ok(()) } else { Err(PoolError::Altered { key, found, expected }) }
    }

    fn node_of(&self, page: &Page) -> Result<NodeId, PoolError> {
        let zone = self.tiers.provider().allocator().zone_of(page);
        Ok(zone.ok_or(PoolError::NoMemory)?.id().node())
    }

    fn lock(&self, key: usize) -> MutexGuard<'_, Option<Entry>> {
        self.slots[key].entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a by words.
fn sum_of(words: &[u64; WORDS]) -> u64 {
    words.iter().fold(0xcbf2_9ce4_8422_2325, |sum, word| (sum ^ word).wrapping_mul(0x0100_0000_01b3))
}
