//! A kernel that boots: README.md.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
mod mem;
mod serial;

use core::{arch::global_asm, panic::PanicInfo};

global_asm!(include_str!("boot.s"), main = sym main, next_cpu = sym next, options(att_syntax));

extern "C" fn next() -> ! {
    loop {}
}

extern "C" fn main(start_info: u64) -> ! {
    line!("hello {start_info:#x}");
    serial::exit(true)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line!("{info}");
    serial::exit(false)
}
