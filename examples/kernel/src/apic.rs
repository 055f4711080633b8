//! The local APIC of each CPU: its timer, and signals to other CPUs.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use x86_64::instructions::port::Port;

/// Counts of the timer between two interrupts.
const PERIOD: u32 = 20_000;

/// The address, at which each CPU finds its own APIC.
static ADDRESS: AtomicU64 = AtomicU64::new(0);

/// Sets the address, and disables the older interrupt controllers.
///
/// # Safety
/// The firmware's tables have this address, which is mapped.
pub unsafe fn set_address(address: u64) {
    ADDRESS.store(address, Relaxed);
    for port in [0x21, 0xa1] {
        // SAFETY: masks all interrupts of an 8259, and touches no memory.
        unsafe { Port::<u8>::new(port).write(0xff) };
    }
}

/// Writes a register.
///
/// # Safety
/// The address is set. The value starts no interrupt without a gate, and no CPU without code.
unsafe fn write(register: u64, value: u32) {
    // SAFETY: the caller says that the address is that of the APIC, whose registers are no memory of Rust.
    unsafe { ((ADDRESS.load(Relaxed) + register) as *mut u32).write_volatile(value) };
}

/// Starts the timer.
///
/// # Safety
/// The address is set, and this CPU's gates of both vectors lead to code that handles them.
pub unsafe fn start_timer(vector: u8, spurious: u8) {
    let settings = [
        (0xf0, 0x100 | u32::from(spurious)),  // on
        (0x3e0, 3),                           // divided by 16
        (0x320, 1 << 17 | u32::from(vector)), // periodic
        (0x380, PERIOD),
    ];
    for (register, value) in settings {
        // SAFETY: the address is set, and the vectors have gates.
        unsafe { write(register, value) };
    }
}

/// Stops the timer.
///
/// # Safety
/// The address is set.
pub unsafe fn stop_timer() {
    // SAFETY: the address is set; a masked timer starts nothing.
    unsafe { write(0x320, 1 << 16) };
}

/// Ends an interrupt.
///
/// # Safety
/// The address is set.
pub unsafe fn end_of_interrupt() {
    // SAFETY: the address is set; later interrupts have gates, as this one had.
    unsafe { write(0xb0, 0) };
}

/// Resets another CPU, which then waits for `start_up`.
///
/// # Safety
/// The address is set, and the CPU does not run.
pub unsafe fn init(apic: u32) {
    // SAFETY: the address is set.
    unsafe { write(0x310, apic << 24) };
    // SAFETY: the CPU does not run, and waits afterwards.
    unsafe { write(0x300, 0x4500) };
}

/// Starts a CPU that waits, in 16-bit mode at a page below 1 MiB. A CPU that runs ignores it.
///
/// # Safety
/// The address is set, and the page has code for the CPU.
pub unsafe fn start_up(apic: u32, page: usize) {
    // SAFETY: the address is set.
    unsafe { write(0x310, apic << 24) };
    // SAFETY: the page has code for the CPU.
    unsafe { write(0x300, 0x4600 | page as u32 >> 12) };
}
