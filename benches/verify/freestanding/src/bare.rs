//! What a program on Linux needs without a libc: where it begins and ends, and what the compiler calls.

use core::arch::asm;

extern "C" fn start() -> ! {
    exit(crate::with_scheme::run().map_or(1, |()| 0))
}

// The stack is aligned as before a call.
core::arch::global_asm!(".globl _start", "_start:", "call {start}", start = sym start);

pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: exit_group takes a number, and never returns.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn)) }
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

/// The same.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    if (to.addr()).wrapping_sub(from.addr()) >= bytes {
        // SAFETY: what the caller promised; what is written is not read later.
        return unsafe { memcpy(to, from, bytes) };
    }
    // SAFETY: what the caller promised; from the last byte on, and the direction is put back.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") bytes => _, inout("rdi") to.add(bytes).wrapping_sub(1) => _,
            inout("rsi") from.add(bytes).wrapping_sub(1) => _,
        );
    }
    to
}

/// The same.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for at in 0..bytes {
        // SAFETY: what the caller promised. Volatile, or the compiler makes a call of this very function of it.
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// The same.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    // SAFETY: what the caller promised.
    unsafe { memcmp(one, other, bytes) }
}
