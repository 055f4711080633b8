//! Which public types may be sent to another thread, and which may be shared between threads.

use std::error::Error;

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, Published, Request, Zone, ZoneId, ZoneKind,
    Zonelists, Zoneref,
    hotplug::{AllocatorProvider, Arena, Operation, RunningMachine, State},
    page_alloc::{Failure, Handle, MovablePages, PerCpuPages, PreparedRequest},
    publish::{Guard, Reader, Standard},
    stop_world::StopWorld,
    sync::{HideableSlice, Locked, VersionBox},
    table::{DoubleBuffer, OrderTables, Slot, Slots},
    topology::Machine,
};

type Scheme = StopWorld<Box<[Slot]>>;
type Callback = fn(Handle, &Page, &Page) -> Result<(), zonelist_core::page_alloc::MoveError>;
type Provider = AllocatorProvider<'static, Scheme, Standard, (MovablePages<'static, Callback>, ())>;

fn send<T: Send>() {}
fn sync<T: Sync>() {}

/// Compiles, or does not.
#[test]
fn values_may_be_sent_and_shared() {
    macro_rules! both {
        ($($type:ty),* $(,)?) => { $(send::<$type>(); sync::<$type>();)* };
    }
    both!(
        NodeId,
        ZoneId,
        ZoneKind,
        Zoneref,
        Request,
        Zonelists,
        Mobility,
        Page,
        PageRequest,
        PreparedRequest<Scheme>,
        Failure,
        Operation,
        State,
        Machine,
        Published<Scheme>,
        Zone<'static>,
        PageAllocator<'static, Scheme>,
        Arena,
        MovablePages<'static, Callback>,
        Provider,
        RunningMachine<Provider>,
        Locked<u8>,
        HideableSlice<u8>,
        VersionBox<u8>,
        Slots<Box<[Slot]>>,
        DoubleBuffer,
        OrderTables<Box<[Slot]>>,
        PerCpuPages,
    );
}

/// A handle may go to the thread that uses it, one at a time.
#[test]
fn handles_may_be_sent() {
    send::<Reader<'static, Scheme, Standard>>();
    send::<LocalHandle<'static, 'static, Scheme, Standard>>();
    send::<Guard<'static, Scheme>>();
}

/// Errors cross threads, and fit into a boxed error.
#[test]
fn errors_may_be_boxed_and_sent() {
    fn error<T: Error + Send + Sync + 'static>() {}
    macro_rules! errors {
        ($($module:ident::{$($type:ty),*})*) => { $($({
            use zonelist_core::$module::*;
            error::<$type>();
        })*)* };
    }
    errors! {
        hotplug::{ArenaError, BackingError, HotplugError, MemoryBlocksError, ProviderError}
        page_alloc::{
            ForkError, HandleError, MoveError, NoRoom, NotFreed, NotSplit, OrderError, OutOfMemory, Pinned, SetupError,
            SplitError, TryAllocError, TryFreeError
        }
        publish::{BarrierError, NotRetired<u8>, PublishError, ReaderError, Torn, WaitError}
        table::{CapacityError}
        topology::{MachineError}
        zone::{BootLayoutError, FreeError, RangeError, ZoneError}
    }
}
