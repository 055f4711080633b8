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
    page_alloc::{Handle, LocalHandle, NoRoom, PreparedRequest},
    publish::Standard,
};

use crate::{
    error::PoolError,
    tiers::{Listing, NEAR, PAGE_BYTES, Tiers, copy},
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
    /// The content is not what was written last, or there is no handle for a new page. The pool is then as before.
    pub fn write(&self, key: usize, value: u64, local: &mut Local<'_>) -> Result<bool, PoolError> {
        let mut entry = self.lock(key);
        self.verify(key, *entry)?;
        if let Some(Entry { handle, sum }) = &mut *entry {
            let guard = self.tiers.provider().migration_source().hold(*handle)?;
            *sum = self.fill(guard.page(), value)?;
        } else {
            let Ok(page) = local.alloc(NEAR, &self.anywhere) else { return Ok(false) };
            let (handle, sum) = self.insert(page, local, |page| self.fill(page, value))?;
            *entry = Some(Entry { handle, sum });
        }
        self.slots[key].used.store(true, Relaxed);
        Ok(true)
    }

    /// Verifies the page of a key and frees it.
    ///
    /// # Errors
    /// The content is not what was written last. The pool is then as before.
    pub fn remove(&self, key: usize, local: &mut Local<'_>) -> Result<(), PoolError> {
        let mut entry = self.lock(key);
        self.verify(key, *entry)?;
        let Some(Entry { handle, .. }) = *entry else { return Ok(()) };
        // First the page, then the entry: after an error the slot still has the handle.
        let page = self.tiers.provider().migration_source().remove(handle)?;
        *entry = None;
        local.free(page)?;
        Ok(())
    }

    /// Moves the page of a key to a tier, by a page of that tier and a copy. Returns false if the tier is full, or the
    /// key has no page.
    ///
    /// # Errors
    /// There is no handle for the new page, or the old one is not of this pool. The pool is then as before.
    pub fn transfer(&self, key: usize, to: NodeId, local: &mut Local<'_>) -> Result<bool, PoolError> {
        let (pages, arena) = (self.tiers.provider().migration_source(), self.tiers.provider().backing());
        let mut entry = self.lock(key);
        let Some(Entry { handle, .. }) = &mut *entry else { return Ok(false) };
        let Ok(target) = local.alloc(to, &self.this_node) else { return Ok(false) };
        // The new handle comes before the removal of the old one: at any time the slot has a handle with a page.
        let (new, ()) = self.insert(target, local, |target| copy(arena, pages.hold(*handle)?.page(), target))?;
        match pages.remove(*handle) {
            Ok(source) => {
                *handle = new;
                local.free(source)?;
                Ok(true)
            }
            Err(error) => {
                // The copy is freed. The first error is the cause, and those of the removal do not replace it.
                let _ = pages.remove(new).map(|target| local.free(target));
                Err(error.into())
            }
        }
    }

    /// Writes to a page that the caller has allocated, and puts it behind a handle. Frees the page after an error.
    fn insert<T>(
        &self,
        page: Page,
        local: &mut Local<'_>,
        write: impl FnOnce(&Page) -> Result<T, PoolError>,
    ) -> Result<(Handle, T), PoolError> {
        let (page, error) = match write(&page) {
            Ok(written) => match self.tiers.provider().migration_source().insert(page) {
                Ok(handle) => return Ok((handle, written)),
                Err(NoRoom { page, entries }) => (page, PoolError::NoRoom { entries }),
            },
            Err(error) => (page, error),
        };
        // The first error is the cause, and an error of the free does not replace it.
        let _ = local.free(page);
        Err(error)
    }

    /// The tier of the page of a key, and whether the page was used since the last call. `None` without a page.
    ///
    /// # Errors
    /// The page is not one of this pool's.
    pub fn inspect(&self, key: usize) -> Result<Option<(NodeId, bool)>, PoolError> {
        // Locked to the end: without the lock another thread could remove the page before the hold, or find it held.
        let entry = self.lock(key);
        let Some(Entry { handle, .. }) = *entry else { return Ok(None) };
        let guard = self.tiers.provider().migration_source().hold(handle)?;
        let node = self.node_of(guard.page())?;
        Ok(Some((node, self.slots[key].used.swap(false, Relaxed))))
    }

    /// Writes the words of `value` to a page. Returns their sum.
    ///
    /// The page has no other user: it is under the lock of its slot and held, or was just allocated.
    fn fill(&self, page: &Page, value: u64) -> Result<u64, PoolError> {
        let mut draw = fastrand::Rng::with_seed(value);
        let words: [u64; WORDS] = std::array::from_fn(|_| draw.u64(..));
        let bytes = self.tiers.provider().backing().bytes(page).ok_or(PoolError::NoMemory)?;
        // SAFETY: the page is allocated and its frame committed. The caller keeps it there, by a guard or as its owner,
        // and excludes all other users. A page is aligned for words.
        unsafe { bytes.cast::<[u64; WORDS]>().write(words) };
        Ok(sum_of(&words))
    }

    /// Compares the content of a page with its sum.
    fn verify(&self, key: usize, entry: Option<Entry>) -> Result<(), PoolError> {
        let Some(Entry { handle, sum: expected }) = entry else { return Ok(()) };
        let guard = self.tiers.provider().migration_source().hold(handle)?;
        let bytes = self.tiers.provider().backing().bytes(guard.page()).ok_or(PoolError::NoMemory)?;
        // SAFETY: as in `fill`: allocated, committed, kept by the guard, and the caller has the lock of the slot.
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
