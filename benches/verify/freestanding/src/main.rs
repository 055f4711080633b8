//! A kernel's place to be: no std, no libc and no heap. Publishes through the scheme that is its
//! feature, walks, and ends with 0 if all is as it should be.
//!
//! Were std linked, its panic handler would be a second one; were alloc, an allocator would be missing.

#![no_std]
#![no_main]

use core::{arch::asm, panic::PanicInfo};

use zonelist_core::{
    Capacity, Lists, NodeId, Request, Row, Slot, ZoneId, ZoneKind, Zoneref,
    publish::{FullFence, Published, Scheme},
};

const CAPACITY: Capacity = Capacity::new(2, 2).unwrap();

#[cfg(any(feature = "StopWorld", feature = "StopWorldPreempted", feature = "SeqRetry", feature = "InPlace"))]
fn slots() -> zonelist_core::Slots<[Slot; CAPACITY.words()]> {
    zonelist_core::Slots::in_array(CAPACITY).unwrap()
}

/// Memory for two tables, given for good.
#[cfg(any(feature = "AsymmetricEpoch", feature = "Qsbr"))]
fn words() -> &'static mut [Slot] {
    static mut WORDS: [Slot; 2 * CAPACITY.words()] = [const { Slot::new() }; 2 * CAPACITY.words()];
    // SAFETY: this is called once, and nobody else names it.
    unsafe { &mut *(&raw mut WORDS) }
}

fn run() {
    #[cfg(feature = "StopWorld")]
    check(zonelist_core::StopWorld::new(slots()));
    #[cfg(feature = "StopWorldPreempted")]
    check(zonelist_core::StopWorldPreempted::new(slots()));
    #[cfg(feature = "EpochSwap")]
    check(zonelist_epoch::EpochSwap::new());
    #[cfg(feature = "ArcSwap")]
    check(zonelist_epoch::ArcSwap::new());
    #[cfg(feature = "AsymmetricEpoch")]
    check(zonelist_epoch::AsymmetricEpoch::in_place(words(), CAPACITY).unwrap());
    #[cfg(feature = "Qsbr")]
    check(zonelist_epoch::Qsbr::in_place(words(), CAPACITY).unwrap());
    #[cfg(feature = "SeqRetry")]
    check(zonelist_seq::SeqRetry::new(slots()));
    #[cfg(feature = "SeqCopy")]
    check(zonelist_seq::SeqCopy::<2>::new(2));
    #[cfg(feature = "InPlace")]
    check(zonelist_inplace::InPlace::new(slots()));
    #[cfg(feature = "Presence")]
    check(zonelist_inplace::Presence::new(
        zonelist_core::Orders::<[Slot; CAPACITY.order_words()]>::in_array(CAPACITY).unwrap(),
    ));
}

/// A zone comes, and goes.
fn check<S: Scheme>(scheme: S) {
    let published: Published<S, FullFence, 2> = Published::new(scheme);
    let node = NodeId::new(1).unwrap();
    let zones = [ZoneKind::Movable, ZoneKind::Normal].map(|kind| Zoneref::new(ZoneId::new(node, kind)));
    let row = Row { start: 0, len: 2, own: 2 };
    let mut reader = published.reader().unwrap();
    for (lists, expected) in [(&zones[..], 2), (&zones[1..], 1)] {
        let row = Row { len: expected as u32, own: expected as u32, ..row };
        published.publish(Lists::new(lists, &[row, row]).unwrap()).unwrap();
        let filter = published.filter(&Request::up_to(ZoneKind::Movable));
        assert!(reader.enter().walk(node, &filter).eq(lists.iter().copied()));
        reader.quiescent();
    }
}

extern "C" fn start() -> ! {
    run();
    exit(0)
}

// The stack is aligned as before a call.
core::arch::global_asm!(".globl _start", "_start:", "call {start}", start = sym start);

fn exit(code: i32) -> ! {
    // SAFETY: exit_group takes a number, and never returns.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

/// What the compiler takes for granted, and a kernel brings.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: what the caller promised.
    unsafe { asm!("rep movsb", inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _) };
    to
}

/// The same.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // SAFETY: what the caller promised.
    unsafe { asm!("rep stosb", inout("rcx") bytes => _, inout("rdi") to => _, in("al") value as u8) };
    to
}
