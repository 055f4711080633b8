//! The memory of a static allocator takes no room in a program's file: it is all zeros, in `.bss`.

use core::ptr::addr_of;

use zonelist_core::{page_alloc::PerCpuPages, publish::ReaderSlot, sync::TakeCell, table::Slot};

// The linker defines both: the end of the data that the file has, and the end of `.bss`, which follows it.
unsafe extern "C" {
    static _edata: u8;
    static _end: u8;
}

/// True if the static is in `.bss`: its initial value is all zeros.
fn is_zeroed<T>(value: &'static T) -> bool {
    let bss = addr_of!(_edata).addr()..addr_of!(_end).addr();
    let start = core::ptr::from_ref(value).addr();
    bss.contains(&start) && start + size_of::<T>() <= bss.end
}

#[test]
fn per_cpu_pages_reader_slots_and_tables_are_zeros_at_the_start() {
    static CACHES: [PerCpuPages; 4] = [const { PerCpuPages::new() }; 4];
    static SLOTS: [ReaderSlot; 4] = [const { ReaderSlot::new() }; 4];
    static TAKEN: TakeCell<[PerCpuPages; 4]> = TakeCell::new([const { PerCpuPages::new() }; 4]);
    static TABLE: [Slot; 4] = [const { Slot::new() }; 4];
    static OTHER: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(1);
    assert!(is_zeroed(&CACHES));
    assert!(is_zeroed(&SLOTS));
    assert!(is_zeroed(&TABLE));
    assert!(is_zeroed(&TAKEN));
    assert!(!is_zeroed(&OTHER), "the symbols of the linker do not delimit `.bss`");
}

#[test]
fn of_many_threads_one_takes_the_value() {
    static CELL: TakeCell<[u32; 2]> = TakeCell::new([0; 2]);
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| usize::from(CELL.take().is_some()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((taken, CELL.take()), (1, None));
}
