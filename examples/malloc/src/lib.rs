//! A malloc over the page allocator of zonelist-core, to be preloaded: see `README.md`.
//!
//! Files, each using only those before it: `size_class`, `boot`, `mapped`; `block`, the table of slabs; `pages`, a handle
//! of any scheme; `heap`, a thread's slabs; `large`; `storm`, `fork`, `site` and `schemes`, which refer to each other:
//! the page allocator over a scheme; `handle`, threads and their heaps; `exports`, the functions of C.

mod block;
mod boot;
mod exports;
mod fork;
mod handle;
mod heap;
mod large;
mod mapped;
mod pages;
mod schemes;
mod site;
mod size_class;
mod storm;

use core::{
    alloc::{GlobalAlloc, Layout},
    ffi::{CStr, c_char, c_int},
};

/// The heap of this library's own Rust code: the thread's heap if it has one, else the static region. It starts nothing
/// and gives no thread a heap, since both allocate.
struct Below;

// SAFETY: both serve each byte to one caller, with the alignment that it asks for.
unsafe impl GlobalAlloc for Below {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match handle::current() {
            Some(_) => exports::alloc_aligned(layout.size(), layout.align().max(16)),
            None => boot::alloc(layout.size(), layout.align()),
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, _: Layout) {
        exports::release(at);
    }
}

#[global_allocator]
static BELOW: Below = Below;

/// Called when the library is loaded, after the C library has started.
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = {
    extern "C" fn loaded(_: c_int, _: *const *const c_char, _: *const *const c_char) {
        handle::with_any(|_| ());
        storm::spawn();
        storm::report_at_exit();
    }
    loaded
};

/// The value of an environment variable.
fn variable(name: &CStr) -> Option<&'static str> {
    // SAFETY: the name ends with a zero. No thread of the process changes the environment when this is called: at the
    // first allocation, and where the storm starts.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: the C library returns a string that ends with a zero, and the environment outlives the call.
    unsafe { CStr::from_ptr(value) }.to_str().ok()
}

/// Writes the fault to the standard error, and ends the process.
fn fail(why: &str) -> ! {
    write(2, &["zonelist-malloc: ", why, "\n"]);
    std::process::abort()
}

/// Writes strings to a file descriptor, without an allocation.
fn write(file: c_int, texts: &[&str]) {
    for text in texts {
        // SAFETY: the bytes are those of the string.
        unsafe { libc::write(file, text.as_ptr().cast(), text.len()) };
    }
}
