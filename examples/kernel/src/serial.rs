//! The serial port, on which everything is printed, and the end of the machine.

use core::fmt::{self, Write};

use x86_64::instructions::{hlt, port::Port};

/// The first port of COM1.
const COM1: u16 = 0x3f8;
/// The port of qemu's device `isa-debug-exit`.
const EXIT: u16 = 0xf4;

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let mut status = Port::<u8>::new(COM1 + 5);
            // SAFETY: the line status of COM1; a read changes nothing that Rust knows of.
            while unsafe { status.read() } & 0x20 == 0 {}
            // SAFETY: the port sends the byte, and touches no memory.
            unsafe { Port::new(COM1).write(byte) };
        }
        Ok(())
    }
}

/// Prints without a lock: only CPU 0 prints, except for a panic.
pub fn print(text: fmt::Arguments<'_>) {
    // `Serial` itself never fails.
    let _ = Serial.write_fmt(text);
}

/// Prints a line.
#[macro_export]
macro_rules! line {
    ($($text:tt)*) => { $crate::serial::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Ends the emulator. Its exit status is 33 for success, else 35.
pub fn exit(success: bool) -> ! {
    // SAFETY: the port of `isa-debug-exit`, which ends qemu; without the device nothing happens.
    unsafe { Port::<u32>::new(EXIT).write(if success { 0x10 } else { 0x11 }) };
    loop {
        hlt();
    }
}
