//! The storm: a thread that changes the zonelists without pause, while the program allocates.
//!
//! It takes a memory block of the Movable zone offline and online. While the block is online, pages of it are allocated
//! and written; they migrate to malloc's zone when it goes offline, and are compared and freed there. Malloc's own
//! requests admit no Movable zone. In the child of a fork the storm goes on by publishes alone, since pages that the
//! parent's thread had in the block are lost there.

use core::{
    ffi::c_void,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use std::{sync::Arc, time::Duration};

use zonelist_core::{
    Mobility, Page, PageAllocator, PageRequest, Pfn, Scheme, ZoneKind,
    hotplug::{
        AllocatorProvider, Arena, BlockId, HotplugError, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo,
        Operation, ProviderError, RunningMachine, State, Until,
    },
    page_alloc::{Handle, Migrate, MovablePages, MoveError},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

use crate::{
    block::{FRAME_BYTES, FRAMES},
    handle,
    pages::System,
    site::{Frames, MOVABLE, NODE, NORMAL, Provider, STORM, Site, publish},
};

/// Frames of the block.
pub(crate) const BLOCK_FRAMES: u64 = 512;

/// The block, by its number.
const BLOCK: BlockId = BlockId::new(FRAMES / BLOCK_FRAMES);

/// Pages that migrate each time.
const PAGES: usize = 16;

/// The deadline for pages of the block in use.
const PATIENCE: Duration = Duration::from_millis(50);

/// Changes of the lists, and pages that migrated.
static CHANGES: AtomicU64 = AtomicU64::new(0);
static MOVED: AtomicU64 = AtomicU64::new(0);

/// True in the child of a fork.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Copies a page that migrates.
#[derive(Debug)]
pub(crate) struct Copier(Arc<Arena>);

impl Migrate for Copier {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        let (from, to) = self.0.bytes(from).zip(self.0.bytes(to)).ok_or(MoveError::Never)?;
        // SAFETY: both pages are allocated, committed and of one length, and no guard of the page exists.
        unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.cast(), from.len()) };
        MOVED.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// True if the environment asks for a storm.
pub(crate) fn wanted() -> bool {
    crate::variable(c"ZONELIST_MALLOC_STORM") == Some("1")
}

/// The machine: a node with malloc's zone, and an offline block behind it.
pub(crate) fn machine<S: Scheme + 'static>(
    allocator: PageAllocator<'static, S, System>,
    arena: Arc<Arena>,
) -> Option<RunningMachine<Provider<S>>> {
    let pages = MovablePages::boxed(Copier(Arc::clone(&arena)), PAGES);
    let provider = AllocatorProvider::from_allocator(allocator).with_migration_source(pages).with_backing(arena);
    RunningMachine::new(state()?, provider).ok()
}

/// The state in which the machine boots. Malloc's zone gets its frames from the site, as it grows.
fn state() -> Option<State> {
    let normal = ZoneSize { zone: NORMAL, start_pfn: Pfn::new(0), spanned: FRAMES, present: FRAMES, managed: FRAMES };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        memory: Some(Memory {
            page_bytes: FRAME_BYTES as u64,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![normal],
            tunables: Tunables { min_free_kbytes: 128, watermark_scale_factor: 1, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .ok()?;
    let block = MemoryBlock {
        number: BLOCK,
        node: Some(NODE),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    let blocks = MemoryBlocks { pages: BLOCK_FRAMES, list: vec![block], ..MemoryBlocks::default() };
    State::booted(machine, blocks, Rules::LINUX_6_1).ok()
}

/// Starts the thread, if the environment asks for it.
pub(crate) fn spawn() {
    if !wanted() {
        return;
    }
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `all` is a place for the set, which the call fills.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // The thread inherits the mask: signals are handled by the program's own threads.
    // SAFETY: `all` is filled, and `before` is a place for the set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let mut thread = 0;
    // SAFETY: the function takes no argument, and may run until the process ends.
    let created = unsafe { libc::pthread_create(&mut thread, ptr::null(), storm, ptr::null_mut()) } == 0;
    if created {
        // SAFETY: the thread was created here, and is not joined.
        unsafe { libc::pthread_detach(thread) };
    }
    // SAFETY: `before` was filled by the first call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
}

/// Starts the thread of a child, whose lists change by publishes alone.
pub(crate) fn spawn_in_child() {
    IS_CHILD.store(true, Relaxed);
    CHANGES.store(0, Relaxed);
    MOVED.store(0, Relaxed);
    spawn();
}

extern "C" fn storm(_: *mut c_void) -> *mut c_void {
    // Operations allocate. Without a heap of the thread, that would be from the static region, which keeps all it gave.
    handle::with_any(|_| ());
    if let Some(site) = handle::site() {
        site.storm();
    }
    ptr::null_mut()
}

/// Changes the lists until the process ends.
pub(crate) fn run<S: Scheme + 'static>(site: &'static Site<S>) {
    let Frames::Hotplug(machine) = &site.frames else { return };
    while IS_CHILD.load(Relaxed) {
        for zones in [&[NORMAL][..], &[MOVABLE, NORMAL]] {
            if publish(site.allocator(), zones).is_some() {
                CHANGES.fetch_add(1, Relaxed);
            }
        }
    }
    let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable);
    let request = site.allocator().prepare(&request);
    let Some(mut local) = site.local() else { return };
    for turn in 0_u64.. {
        match machine.apply(&Operation::Online { block: BLOCK, to: OnlineTo::Movable }) {
            Ok(_) => CHANGES.fetch_add(1, Relaxed),
            Err(why) => fail(&why),
        };
        let pages = machine.provider().migration_source();
        let mut handles = [None; PAGES];
        for entry in &mut handles {
            let Ok(page) = local.alloc(NODE, &request) else { continue };
            fill(site, &page, turn);
            // There is room for each. A page without a handle would keep the block online for ever.
            *entry = Some(pages.insert(page).unwrap_or_else(|why| crate::fail(&why.to_string())));
        }
        loop {
            match machine.apply_within(&Operation::Offline { block: BLOCK }, &mut Until::after(PATIENCE)) {
                Ok(_) => break,
                // The operation has a handle of its own, to migrate pages.
                Err(HotplugError::Provider { error: ProviderError::Reader(_), .. }) => {
                    let _ = site.allocator().add_boxed_handles(1);
                }
                // A free page of the block is on its way to the zone, by a thread that was in its per-CPU pages.
                Err(HotplugError::Provider { error: ProviderError::InUse { .. }, .. }) => {}
                Err(why) => fail(&why),
            }
        }
        CHANGES.fetch_add(1, Relaxed);
        for handle in handles.into_iter().flatten() {
            let Ok(page) = pages.remove(handle) else { crate::fail("a page is lost; expected each to migrate") };
            if STORM.contains(&page.pfn()) || !has(site, &page, turn) {
                crate::fail("a page is damaged; expected its content to migrate");
            }
            local.free(page).unwrap_or_else(|why| crate::fail(&why.to_string()));
        }
    }
}

/// The words of a page.
fn words<S: Scheme>(site: &'static Site<S>, page: &Page) -> Option<ptr::NonNull<[u64]>> {
    let bytes = site.arena().bytes(page)?;
    Some(ptr::NonNull::slice_from_raw_parts(bytes.cast(), bytes.len() / size_of::<u64>()))
}

/// Writes the pattern of a turn to a page.
fn fill<S: Scheme>(site: &'static Site<S>, page: &Page, turn: u64) {
    let Some(mut words) = words(site, page) else { return };
    // SAFETY: the page is allocated and committed, and this thread alone has it.
    let words = unsafe { words.as_mut() };
    (turn..).zip(words).for_each(|(value, word)| *word = value);
}

/// True if a page has the pattern of a turn.
fn has<S: Scheme>(site: &'static Site<S>, page: &Page, turn: u64) -> bool {
    let Some(words) = words(site, page) else { return false };
    // SAFETY: the page is allocated and committed, and this thread alone has it.
    let words = unsafe { words.as_ref() };
    (turn..).zip(words).all(|(value, &word)| word == value)
}

/// Ends the process: the machine refused an operation that it must not refuse.
fn fail(why: &HotplugError) -> ! {
    crate::fail(&why.to_string())
}

/// Appends the counts of the storm to the file that the environment names, when the process exits.
pub(crate) fn report_at_exit() {
    extern "C" fn report() {
        let Some(path) = crate::variable(c"ZONELIST_MALLOC_LOG") else { return };
        let Ok(mut file) = std::fs::File::options().append(true).create(true).open(path) else { return };
        let (changes, moved) = (CHANGES.load(Relaxed), MOVED.load(Relaxed));
        let scheme = handle::site().map_or("none", |site| site.scheme());
        // One write, so that the lines of several processes do not mix.
        let _ = std::io::Write::write_all(&mut file, format!("{scheme} {changes} {moved}\n").as_bytes());
    }
    if wanted() {
        // SAFETY: the function takes no argument, and may run at the end of the process.
        unsafe { libc::atexit(report) };
    }
}
