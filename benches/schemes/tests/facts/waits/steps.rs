//! A signal handler after every instruction: the CPU's trap flag raises SIGTRAP after each, and the handler of the
//! signal allocates and frees pages by a handle of its own.

use std::{
    arch::asm,
    cell::UnsafeCell,
    mem, ptr,
    sync::{
        Once,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use zonelist_core::{
    Page, Pfn,
    ZoneKind::{Movable, Normal},
    page_alloc::{PreparedRequest, TryAllocError, TryFreeError},
    publish::Platform,
    sync::Spin,
    table::Capacity,
    zone::Order,
};
use zonelist_schemes::{Buildable, Visitor};

use super::setup::{
    Allocator, CAPACITY, Handle, NODE, OFFLINE, ONLINE, ZONES, allocator, chosen, lists, machine, prepared, urgent,
};

/// A function that runs after each instruction, and its argument. It must not use the heap.
#[derive(Clone, Copy)]
struct Handler(unsafe fn(*mut ()), *mut ());

struct Installed(UnsafeCell<Option<Handler>>);

// SAFETY: only the thread that calls `stepped` accesses it, and its handler on the same thread.
unsafe impl Sync for Installed {}

static HANDLER: Installed = Installed(UnsafeCell::new(None));

extern "C" fn on_trap(_: libc::c_int) {
    // SAFETY: this thread set the handler before the first trap, and does not change it while the trap flag is set.
    if let Some(Handler(run, with)) = unsafe { *HANDLER.0.get() } {
        // SAFETY: the argument lives until the flag is cleared. The function does not run within itself: the flag is
        // clear in a handler.
        unsafe { run(with) };
    }
}

/// Calls the closure that `handler` points to.
///
/// # Safety
/// `handler` points to a closure of the type `H` that is not running.
unsafe fn run<H: FnMut()>(handler: *mut ()) {
    // SAFETY: the caller guarantees a closure of the type `H` that is not running.
    unsafe { (*handler.cast::<H>())() };
}

/// Runs `work`, and `handler` after each of its instructions.
fn stepped<H: FnMut()>(handler: &mut H, work: &mut dyn FnMut()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: all zeros are a valid action: no flags, and no signals blocked but this one.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_trap as extern "C" fn(libc::c_int) as usize;
        // SAFETY: the action is initialised, and the handler does only what is allowed in a signal handler.
        assert_eq!(unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, ptr::null_mut()) }, 0);
    });
    let handler = Handler(run::<H>, ptr::from_mut(handler).cast());
    // SAFETY: only this thread accesses the cell, and its trap flag is clear.
    unsafe { *HANDLER.0.get() = Some(handler) };
    // SAFETY: sets the trap flag, and leaves the stack pointer unchanged.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    work();
    // SAFETY: clears the trap flag, and leaves the stack pointer unchanged.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
    // SAFETY: only this thread accesses the cell, and its trap flag is clear again.
    unsafe { *HANDLER.0.get() = None };
}

/// Page frames of a zone: one pageblock, so that no operation takes long.
const FRAMES: u64 = 512;

/// The number of pages that the handler holds at a time.
const HELD: usize = 3;

/// Counts of the results in handlers.
#[derive(Default)]
struct Tally {
    runs: AtomicU64,
    got: AtomicU64,
    would_block: AtomicU64,
    kept: AtomicU64,
    busy: AtomicU64,
    twice: AtomicUsize,
}

/// A signal handler's page handle, and the pages that it holds.
struct Interrupt<'a, S: Buildable, P: Platform<Lock = Spin>> {
    handle: Handle<'a, S, P>,
    request: PreparedRequest<S>,
    urgent: PreparedRequest<S>,
    held: [Option<Page>; HELD],
    runs: usize,
}

impl<'a, S: Buildable, P: Platform<Lock = Spin>> Interrupt<'a, S, P> {
    fn new(allocator: &'a Allocator<S, P>) -> Self {
        let (request, urgent) = (prepared(allocator, Movable, Order::ZERO), urgent(allocator, Movable));
        Self { handle: allocator.local().unwrap(), request, urgent, held: [const { None }; HELD], runs: 0 }
    }

    /// Interrupts `work` after each of its instructions.
    fn within(&mut self, tally: &Tally, what: &str, work: &mut dyn FnMut()) {
        let before = tally.runs.load(Relaxed);
        stepped(&mut || self.run(tally), work);
        let steps = tally.runs.load(Relaxed) - before;
        println!("{}: {what}: {steps} instructions", S::FACTS.scheme);
        assert!(steps > 20, "{what}: too few instructions were interrupted");
    }

    /// Allocates a page, by one of two calls, or frees one.
    fn run(&mut self, tally: &Tally) {
        tally.runs.fetch_add(1, Relaxed);
        self.runs += 1;
        let index = self.runs % HELD;
        if let Some(page) = self.held[index].take() {
            match self.handle.try_free(page) {
                Ok(()) => _ = tally.kept.fetch_add(1, Relaxed),
                Err(TryFreeError::Busy { page }) => {
                    tally.busy.fetch_add(1, Relaxed);
                    self.held[index] = Some(page);
                }
                Err(_) => _ = tally.twice.fetch_add(1, Relaxed),
            }
            return;
        }
        let page = if self.runs.is_multiple_of(2) {
            self.handle.try_alloc(NODE, &self.request)
        } else {
            self.handle.alloc(NODE, &self.urgent).map_err(|_| match self.handle.failure().would_block() {
                true => TryAllocError::WouldBlock,
                false => TryAllocError::OutOfMemory,
            })
        };
        match page {
            Ok(page) => {
                tally.got.fetch_add(1, Relaxed);
                let same = |held: &Option<Page>| held.as_ref().is_some_and(|held| held.pfn() == page.pfn());
                tally.twice.fetch_add(self.held.iter().filter(|held| same(held)).count(), Relaxed);
                self.held[index] = Some(page);
            }
            Err(TryAllocError::WouldBlock) => _ = tally.would_block.fetch_add(1, Relaxed),
            Err(TryAllocError::OutOfMemory) => (),
            Err(_) => _ = tally.twice.fetch_add(1, Relaxed),
        }
    }
}

/// Interrupts the operations of an allocator after each instruction.
struct Stepped;

impl Visitor for Stepped {
    /// The number of instructions.
    type Output = u64;

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> u64 {
        let allocator: &'static Allocator<S, P> = allocator(&ZONES[1..], FRAMES);
        let any = prepared(allocator, Movable, Order::ZERO);
        let tally = Tally::default();
        let mut interrupt = Interrupt::new(allocator);
        let mut local = allocator.local().unwrap();
        let (versions, mut mine) = ([lists(false), lists(true)], Vec::with_capacity(2 * FRAMES as usize));
        let mut step = |what: &str, work: &mut dyn FnMut()| interrupt.within(&tally, what, work);
        // An allocation from the zone, and one from the per-CPU pages.
        step("an allocation from a zone", &mut || mine.push(local.alloc(NODE, &any).unwrap()));
        step("an allocation from the per-CPU pages", &mut || mine.push(local.alloc(NODE, &any).unwrap()));
        mine.extend((0..40).map(|_| local.alloc(NODE, &any).unwrap()));
        step("a free to the per-CPU pages", &mut || local.free(mine.pop().unwrap()).unwrap());
        step("frees until some go to the zone", &mut || {
            mine.drain(..20).for_each(|page| local.free(page).unwrap());
        });
        step("a drain", &mut || _ = allocator.drain().unwrap());
        step("two publishes", &mut || {
            // The handler's reader is never within an operation when this thread publishes, so no publish waits for it.
            versions.iter().for_each(|version| _ = allocator.published().publish(version).unwrap());
        });
        step("a wait until a zone has no per-CPU pages", &mut || allocator.without_caches(ZONES[1], || ()).unwrap());
        mine.extend(std::iter::from_fn(|| local.alloc(NODE, &any).ok()));
        step("an allocation that is refused", &mut || _ = local.alloc(NODE, &any).map(|page| mine.push(page)));
        step("a handle that goes", &mut || drop(allocator.local().unwrap()));
        let steps = tally.runs.load(Relaxed);
        // No page is lost, and none was with two.
        let held: Vec<Page> = interrupt.held.iter_mut().filter_map(Option::take).collect();
        let mut frames: Vec<Pfn> = mine.iter().chain(&held).map(|page| page.pfn()).collect();
        frames.sort_unstable();
        assert!(frames.windows(2).all(|two| two[0] != two[1]), "a page was handed out twice");
        mine.into_iter().chain(held).for_each(|page| local.free(page).unwrap());
        drop((local, interrupt));
        allocator.drain().unwrap();
        for zone in allocator.zones() {
            let stats = allocator.stats(zone.id()).unwrap();
            assert_eq!((stats.free, stats.cached, stats.misdirected), (stats.managed, 0, 0));
        }
        let counts = [&tally.got, &tally.would_block, &tally.kept, &tally.busy].map(|count| count.load(Relaxed));
        println!(
            "{}: allocations, allocations that would block, frees, frees refused as busy: {counts:?}",
            S::FACTS.scheme
        );
        assert_eq!(tally.twice.load(Relaxed), 0);
        assert!(counts[0] > 0 && counts[1] > 0 && counts[2] > 0, "{counts:?}");
        steps
    }
}

/// Interrupts an online and an offline of a memory block, which take a hundred thousand instructions.
struct SteppedHotplug;

impl Visitor for SteppedHotplug {
    type Output = u64;

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> u64 {
        let running = machine::<S, P>();
        let allocator = running.provider().allocator();
        let (mut interrupt, tally) = (Interrupt::new(allocator), Tally::default());
        interrupt.within(&tally, "a memory block goes online", &mut || _ = running.apply(&ONLINE).unwrap());
        // The handler may have allocated movable pages of the memory block meanwhile: they are freed.
        let held: Vec<Page> = interrupt.held.iter_mut().filter_map(Option::take).collect();
        held.into_iter().for_each(|page| interrupt.handle.free(page).unwrap());
        interrupt.request = prepared(allocator, Normal, Order::ZERO);
        interrupt.urgent = urgent(allocator, Normal);
        interrupt.within(&tally, "a memory block goes offline", &mut || _ = running.apply(&OFFLINE).unwrap());
        assert_eq!(tally.twice.load(Relaxed), 0);
        interrupt.held.iter_mut().filter_map(Option::take).for_each(|page| interrupt.handle.free(page).unwrap());
        drop(interrupt);
        allocator.drain().unwrap();
        for zone in allocator.zones() {
            assert_eq!((zone.free_pages(), allocator.stats(zone.id()).unwrap().misdirected), (zone.managed(), 0));
        }
        tally.runs.load(Relaxed)
    }
}

#[test]
fn a_handler_allocates_and_frees_at_every_instruction() {
    // The short set tests one scheme only: one whose publishes wait for walks.
    let schemes = chosen().into_iter().filter(|scheme| scheme.facts().interrupt_safe);
    for scheme in schemes.filter(|scheme| zonelist_verify::is_long() || scheme.name() == "AsymmetricEpoch") {
        let steps = scheme.visit(&mut Stepped);
        println!("{}: {steps} instructions in all", scheme.name());
        // An operation has many instructions, of which few depend on the scheme.
        if scheme.name() != "InPlace" {
            println!("{}: {} instructions of operations", scheme.name(), scheme.visit(&mut SteppedHotplug));
        }
    }
}
