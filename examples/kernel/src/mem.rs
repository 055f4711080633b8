//! The functions of libc that the compiler calls. Targets without an operating system have them in `compiler_builtins`.

use core::arch::asm;

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
    if to.addr().wrapping_sub(from.addr()) >= bytes {
        // SAFETY: the caller passes memory for `bytes` bytes, and `memcpy` writes no byte before it is read.
        return unsafe { memcpy(to, from, bytes) };
    }
    // SAFETY: the caller passes memory for `bytes` bytes. The copy goes backwards from the last byte, and `cld` restores
    // the direction flag.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") bytes => _, inout("rdi") to.wrapping_add(bytes).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(bytes).wrapping_sub(1) => _,
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
        // SAFETY: the caller passes memory that is readable at `one` for `bytes` bytes.
        let a = unsafe { one.wrapping_add(at).read_volatile() };
        // SAFETY: the caller passes memory that is readable at `other` for `bytes` bytes.
        let b = unsafe { other.wrapping_add(at).read_volatile() };
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
