//! The memory of the kernel: its heap, and in statics the machine with its page allocator, and the handles.

use alloc::boxed::Box;
use core::error::Error;

use buddy_system_allocator::LockedHeap;
use zonelist_core::{
    LocalHandle, PageAllocator, Published,
    hotplug::{AllocatorProvider, RunningMachine},
    page_alloc::MovablePages,
    publish::{ReaderSlot, ReaderSlots, Standard},
    sync::TakeCell,
};

use crate::{cpus::MAX_CPUS, firmware::Firmware, owners::CopyPage, topology};

#[cfg(feature = "presence")]
pub type Scheme = zonelist_inplace::Presence<Box<[zonelist_core::table::Slot]>>;
#[cfg(not(feature = "presence"))]
pub type Scheme = zonelist_epoch::Qsbr;

pub type Allocator = PageAllocator<'static, Scheme>;
pub type Handle = LocalHandle<'static, 'static, Scheme, Standard>;
/// The page allocator, with movable pages that a hotplug operation moves away, and whose memory is always there.
pub type Provider = AllocatorProvider<'static, Scheme, Standard, (MovablePages<'static, CopyPage>, ())>;
pub type Machine = RunningMachine<Provider>;

/// Movable pages that may exist at a time.
pub const MOVABLE: usize = 1000;

/// A handle for each CPU, and one more for its interrupts.
const HANDLES: usize = 2 * MAX_CPUS;
static SLOTS: TakeCell<[ReaderSlot; HANDLES]> = TakeCell::new([const { ReaderSlot::new() }; HANDLES]);
static MACHINE: TakeCell<Option<Machine>> = TakeCell::new(None);
static HANDLE_CELLS: [TakeCell<Option<Handle>>; HANDLES] = [const { TakeCell::new(None) }; HANDLES];

/// The kernel's own objects: tables of zones and states, and per-CPU pages. No interrupt uses it.
#[global_allocator]
static HEAP: LockedHeap<32> = LockedHeap::empty();
static HEAP_MEMORY: TakeCell<[u8; 8 << 20]> = TakeCell::new([0; _]);

/// Starts the heap.
pub fn start_heap() -> Result<(), &'static str> {
    let memory = HEAP_MEMORY.take().ok_or("a second heap")?;
    // SAFETY: the memory is the heap's alone from now on.
    unsafe { HEAP.lock().init(memory.as_mut_ptr().addr(), memory.len()) };
    Ok(())
}

/// Creates the machine with its allocator, in a static. All of its free frames are in zones then.
pub fn boot(firmware: &Firmware) -> Result<&'static Machine, Box<dyn Error>> {
    let state = topology::describe(firmware)?;
    #[cfg(feature = "presence")]
    let scheme = Scheme::new(zonelist_core::table::OrderTables::boxed(state.capacity()));
    #[cfg(not(feature = "presence"))]
    let scheme = Scheme::boxed(state.capacity());
    let slots = ReaderSlots::borrowed(SLOTS.take().ok_or("a second boot")?);
    let provider = AllocatorProvider::new(Published::with_slots(scheme, slots), &state)?;
    let provider = provider.with_migration_source(MovablePages::boxed(CopyPage, MOVABLE)).boot(&state)?;
    let machine = RunningMachine::new(state, provider)?;
    Ok(MACHINE.take().ok_or("a second boot")?.insert(machine))
}

/// Creates the next handle, in a static.
pub fn handle(machine: &'static Machine) -> Result<&'static mut Handle, Box<dyn Error>> {
    let cell = HANDLE_CELLS.iter().find_map(TakeCell::take).ok_or("no handle is left")?;
    Ok(cell.insert(machine.provider().allocator().local()?))
}
