//! The parts of libc that a program on Linux needs: its start, its exit, and the functions that the compiler calls.

use core::arch::asm;

extern "C" fn start() -> ! {
    exit(crate::with_scheme::run().map_or(1, |()| 0))
}

// The kernel aligns the stack to 16 bytes, as the ABI requires before a call.
core::arch::global_asm!(".globl _start", "_start:", "call {start}", start = sym start);

pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: the system call `exit_group` takes a number, and never returns.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn)) }
}

/// Copies bytes forwards, as in C.
///
/// # Safety
/// `from` is readable and `to` writable for that number of bytes, and the two do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: the caller passes memory that is readable at `from` and writable at `to` for `bytes` bytes.
    unsafe { asm!("rep movsb", inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _) };
    to
}

/// Fills bytes, as in C.
///
/// # Safety
/// `to` is writable for that number of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // SAFETY: the caller passes memory that is writable at `to` for `bytes` bytes.
    unsafe { asm!("rep stosb", inout("rcx") bytes => _, inout("rdi") to => _, in("al") value as u8) };
    to
}

/// Copies bytes between ranges that may overlap, as in C.
///
/// # Safety
/// `from` is readable and `to` writable for that number of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // Forwards, unless `to` begins within the source: a byte would then be written before it is read.
    if (to.addr()).wrapping_sub(from.addr()) >= bytes {
        // SAFETY: the caller passes memory that is readable at `from` and writable at `to` for `bytes` bytes. `memcpy`
        // copies forwards, and no byte is written before it is read.
        return unsafe { memcpy(to, from, bytes) };
    }
    // SAFETY: the caller passes memory that is readable at `from` and writable at `to` for `bytes` bytes. The copy goes
    // backwards from the last byte, and `cld` restores the direction flag.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") bytes => _, inout("rdi") to.add(bytes).wrapping_sub(1) => _,
            inout("rsi") from.add(bytes).wrapping_sub(1) => _,
        );
    }
    to
}

/// Compares bytes, as in C.
///
/// # Safety
/// Both pointers are readable for that number of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for at in 0..bytes {
        // Volatile: the compiler would otherwise replace the loop by a call of `memcmp`.
        // SAFETY: the caller passes memory that is readable at both pointers for `bytes` bytes.
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// Compares bytes for equality, as in C.
///
/// # Safety
/// Both pointers are readable for that number of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    // SAFETY: the caller passes memory that is readable at both pointers for `bytes` bytes.
    unsafe { memcmp(one, other, bytes) }
}
