//! Threads and their heaps: attached at the first request, left to the next thread at the end.

use core::{
    cell::Cell,
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicU8, AtomicU32, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use std::sync::OnceLock;

use zonelist_core::{
    publish::HandleId,
    sync::{RawLock, Spin},
};

use crate::{
    fork,
    heap::{HEAPS, Owned, heap},
    schemes,
    site::AnySite,
    storm,
};

/// The page allocator of the process.
static SITE: OnceLock<&'static dyn AnySite> = OnceLock::new();

/// The progress of the start.
static START: AtomicU8 = AtomicU8::new(UNSTARTED);
const UNSTARTED: u8 = 0;
const STARTING: u8 = 1;
const STARTED: u8 = 2;

/// The key whose destructor ends a thread's use of its heap. Only that is portable: a thread-local with a destructor
/// would allocate when the destructor is registered.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Protects the idle heaps: the first, a number and 1.
static IDLE: Spin = Spin::new();
static FIRST_IDLE: AtomicU32 = AtomicU32::new(0);

/// The number of heaps that exist. The first is shared.
static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Protects the shared heap.
static SHARED: Spin = Spin::new();

/// A thread's state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It has made no request.
    New,
    /// It is getting a heap. Requests on the way are served from the static region.
    Attaching,
    /// It has a heap, or shares one if it got none or is about to end.
    Attached,
}

// Without destructors and with constant values: an access neither allocates nor registers anything.
thread_local! {
    static HEAP: Cell<Option<Owned>> = const { Cell::new(None) };
    static THREAD: Cell<Thread> = const { Cell::new(Thread::New) };
}

/// The thread's heap, if it has one.
#[inline(always)]
pub(crate) fn current() -> Option<Owned> {
    HEAP.get()
}

/// The page allocator, once the process has one.
pub(crate) fn site() -> Option<&'static dyn AnySite> {
    SITE.get().copied()
}

/// Uses a heap: the thread's, or the shared one. `None` while the allocator starts or the thread gets its heap.
#[cold]
#[inline(never)]
pub(crate) fn with_any<R>(use_it: impl FnOnce(Option<Owned>) -> R) -> R {
    if START.load(Acquire) != STARTED && !start() {
        return use_it(None);
    }
    match THREAD.get() {
        Thread::New => attach(),
        Thread::Attaching => return use_it(None),
        Thread::Attached => {}
    }
    match current() {
        Some(heap) => use_it(Some(heap)),
        None => with_shared(|shared| use_it(Some(shared))),
    }
}

/// Uses the shared heap, one thread at a time.
fn with_shared<R>(use_it: impl FnOnce(Owned) -> R) -> R {
    SHARED.lock();
    // SAFETY: the lock is held, and heap 0 is used with the lock held alone.
    let result = use_it(unsafe { Owned::new(heap(0)) });
    // SAFETY: the lock is held by this call.
    unsafe { SHARED.unlock(()) };
    result
}

/// Starts the allocator. False if it is being started.
fn start() -> bool {
    if START.compare_exchange(UNSTARTED, STARTING, Acquire, Acquire).is_err() {
        return START.load(Acquire) == STARTED;
    }
    let scheme = crate::variable(c"ZONELIST_MALLOC_SCHEME").unwrap_or(schemes::DEFAULT);
    let site = match schemes::site(scheme, storm::wanted()) {
        Ok(site) => SITE.get_or_init(|| site),
        Err(why) => crate::fail(why),
    };
    let mut key = 0;
    // SAFETY: `key` is a place for the key, and `leave` may be called with any value.
    if unsafe { libc::pthread_key_create(&mut key, Some(leave)) } != 0 {
        crate::fail("no key for the ends of threads; expected fewer keys");
    }
    KEY.store(key, Relaxed);
    let Some(pages) = site.attach() else { crate::fail("no handle; expected membarrier(2) and memory") };
    // SAFETY: no thread has used heap 0.
    unsafe { Owned::new(heap(0)) }.set_pages(pages);
    fork::register();
    START.store(STARTED, Release);
    true
}

/// Gives the thread a heap: one that another thread has left, or a new one. Without either, it uses the shared heap.
fn attach() {
    THREAD.set(Thread::Attaching);
    if let Some(heap) = idle_heap().or_else(new_heap) {
        // The destructor is called for a value that is not null.
        let value = ptr::from_ref(heap.heap()).cast::<c_void>();
        // SAFETY: the key exists. For more than 32 keys the call allocates, which is served from the static region.
        unsafe { libc::pthread_setspecific(KEY.load(Relaxed), value) };
        HEAP.set(Some(heap));
    }
    THREAD.set(Thread::Attached);
}

/// Takes a heap that a thread has left.
fn idle_heap() -> Option<Owned> {
    IDLE.lock();
    let first = FIRST_IDLE.load(Relaxed);
    let idle = (first as usize).checked_sub(1).map(heap);
    if let Some(heap) = idle {
        FIRST_IDLE.store(heap.next_idle.load(Relaxed), Relaxed);
    }
    // SAFETY: the lock is held by this call.
    unsafe { IDLE.unlock(()) };
    // SAFETY: the heap was on the list and is not any more, so no other thread has it. The lock orders its last use
    // before.
    idle.map(|heap| unsafe { Owned::new(heap) })
}

/// Takes a heap that no thread has used, and creates its handle.
fn new_heap() -> Option<Owned> {
    let pages = site()?.attach()?;
    let number = COUNT.fetch_update(Relaxed, Relaxed, |count| (count < HEAPS).then_some(count + 1)).ok()?;
    // SAFETY: the number was counted here, so no other thread has the heap.
    let heap = unsafe { Owned::new(heap(number)) };
    heap.set_pages(pages);
    Some(heap)
}

/// The destructor of the key: leaves the heap to another thread, with its slabs. Its per-CPU pages go to their zones.
///
/// What the thread still allocates is from the shared heap, and what it frees goes to the remote lists.
extern "C" fn leave(_: *mut c_void) {
    let Some(heap) = HEAP.take() else { return };
    heap.take_over();
    let _ = heap.with_pages(|pages| {
        pages.drain();
        Some(())
    });
    IDLE.lock();
    heap.heap().next_idle.store(FIRST_IDLE.load(Relaxed), Relaxed);
    // No truncation: there are at most `HEAPS`.
    FIRST_IDLE.store(heap.heap().number() as u32 + 1, Relaxed);
    // SAFETY: the lock is held by this call.
    unsafe { IDLE.unlock(()) };
}

/// For a fork: locks the idle heaps and the shared heap. Returns the handles that the child goes on to use: this
/// thread's, those of idle heaps, and that of the shared heap.
pub(crate) fn lock_all() -> Vec<HandleId> {
    with_any(|_| ());
    IDLE.lock();
    let mut keep = Vec::new();
    let mut note = |heap: Owned| keep.extend(heap.with_pages(|pages| Some(pages.id())));
    current().into_iter().for_each(&mut note);
    let mut next = FIRST_IDLE.load(Relaxed);
    while let Some(number) = (next as usize).checked_sub(1) {
        // SAFETY: the lock of the idle heaps is held, so no thread has or gets the heap.
        note(unsafe { Owned::new(heap(number)) });
        next = heap(number).next_idle.load(Relaxed);
    }
    SHARED.lock();
    // SAFETY: the lock is held, and heap 0 is used with the lock held alone.
    note(unsafe { Owned::new(heap(0)) });
    keep
}

/// Releases the locks of `lock_all`.
pub(crate) fn unlock_all() {
    // SAFETY: `lock_all` has taken it, in this thread or in the parent of its copy.
    unsafe { SHARED.unlock(()) };
    // SAFETY: `lock_all` has taken it, in this thread or in the parent of its copy.
    unsafe { IDLE.unlock(()) };
}
