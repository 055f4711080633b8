//! An allocation whose bytes are a pattern, made and changed by the functions of C.

use std::{ffi::c_void, ptr, slice};

/// An allocation, all of whose bytes are written.
pub(crate) struct Allocation {
    at: *mut u8,
    size: usize,
    /// The start of the pattern.
    seed: u8,
}

// SAFETY: memory of malloc is not tied to a thread, and the value has it alone.
unsafe impl Send for Allocation {}

/// The alignment that malloc guarantees.
const ALIGN: usize = 16;

impl Allocation {
    /// Allocates by one of the functions, and checks what it promises.
    pub(crate) fn new(random: &mut fastrand::Rng) -> Result<Self, String> {
        let (size, align) = (random_size(random), 1 << random.u32(3..17));
        let (function, at, align) = match random.u32(0..16) {
            0 => ("calloc", calloc(random, size)?, ALIGN),
            1 => ("posix_memalign", posix_memalign(align, size)?, align),
            // SAFETY: a call with a power of two.
            2 => ("aligned_alloc", unsafe { libc::aligned_alloc(align, size) }, align),
            // SAFETY: a call with a power of two.
            3 => ("memalign", unsafe { libc::memalign(align, size) }, align),
            // SAFETY: a call with any size.
            _ => ("malloc", unsafe { libc::malloc(size) }, ALIGN),
        };
        let mut made = Self { at: at.cast(), size, seed: random.u8(..) };
        if made.at.is_null() {
            return Err(format!("{function} of {size} bytes has no memory"));
        }
        if !made.at.addr().is_multiple_of(align) {
            return Err(format!("{function} of {size} bytes at {:p}; expected a multiple of {align}", made.at));
        }
        // SAFETY: the address is of malloc.
        let usable = unsafe { libc::malloc_usable_size(made.at.cast()) };
        if usable < size {
            return Err(format!("{function} of {size} bytes has {usable} usable bytes; expected no fewer"));
        }
        made.fill();
        Ok(made)
    }

    /// Changes the size, and checks that the bytes which remain are the same.
    pub(crate) fn resize(&mut self, random: &mut fastrand::Rng) -> Result<(), String> {
        let size = random_size(random).max(1);
        // SAFETY: the address is of malloc, and this value alone has it.
        let at = unsafe { libc::realloc(self.at.cast(), size) };
        if at.is_null() {
            return Err(format!("realloc to {size} bytes has no memory"));
        }
        (self.at, self.size) = (at.cast(), self.size.min(size));
        self.check()?;
        self.size = size;
        self.fill();
        Ok(())
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the allocation has that many bytes, and this value alone has it.
        unsafe { slice::from_raw_parts_mut(self.at, self.size) }
    }

    fn fill(&mut self) {
        let seed = self.seed;
        self.bytes().iter_mut().zip(pattern(seed)).for_each(|(byte, value)| *byte = value);
    }

    /// Checks every byte.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let (seed, at, size) = (self.seed, self.at, self.size);
        match self.bytes().iter().zip(pattern(seed)).position(|(byte, value)| *byte != value) {
            None => Ok(()),
            Some(nth) => Err(format!("byte {nth} of {size} at {at:p} is damaged")),
        }
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: the address is of malloc, and this value alone has it.
        unsafe { libc::free(self.at.cast()) };
    }
}

/// The bytes of a pattern, which has no period that divides a page.
fn pattern(seed: u8) -> impl Iterator<Item = u8> {
    (0_usize..).map(move |nth| (nth % 251) as u8 ^ seed)
}

/// A size: most are small, some are larger than the largest block.
fn random_size(random: &mut fastrand::Rng) -> usize {
    match random.u32(0..1000) {
        0 => random.usize(0..6 << 20),
        1..10 => random.usize(0..256 << 10),
        10..100 => random.usize(0..16 << 10),
        _ => random.usize(0..512),
    }
}

/// Zeroed bytes, which are checked.
fn calloc(random: &mut fastrand::Rng, size: usize) -> Result<*mut c_void, String> {
    let count = random.usize(1..9);
    // SAFETY: a call with any sizes.
    let at = unsafe { libc::calloc(count, size.div_ceil(count)) };
    // SAFETY: the allocation has at least that many bytes, and no other reference to them exists.
    let bytes = if at.is_null() { &[][..] } else { unsafe { slice::from_raw_parts(at.cast::<u8>(), size) } };
    match bytes.iter().position(|&byte| byte != 0) {
        None => Ok(at),
        Some(nth) => Err(format!("byte {nth} of {size} of calloc is not zero")),
    }
}

fn posix_memalign(align: usize, size: usize) -> Result<*mut c_void, String> {
    let mut at = ptr::null_mut();
    // SAFETY: `at` is a place for an address.
    match unsafe { libc::posix_memalign(&mut at, align, size) } {
        0 => Ok(at),
        error => Err(format!("posix_memalign of {size} bytes, a multiple of {align}: error {error}")),
    }
}
