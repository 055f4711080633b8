//! A program without std, in which the page allocator has no path to a panic.
//!
//! With the scheme of the program's feature it calls every public function of zones, pages and lists, with values that
//! the compiler can't foresee. It exits with 0 if all results are as expected.
//!
//! The panic handler calls an undefined function. So the program links only if no called function can panic.

#![no_std]
#![no_main]

mod bare;
mod grace;
mod handlers;
#[cfg(feature = "heap")]
mod heap;
mod lists;
mod pages;
mod with_scheme;
mod zones;

use core::{
    fmt::{self, Write},
    hint::black_box,
    panic::PanicInfo,
};

use zonelist_core::publish::Scheme;

/// The checks that are the same with each scheme.
fn check_once() -> Option<()> {
    #[cfg(feature = "panics")]
    any([1, 2][any(3)]);
    zones::check()?;
    lists::check()?;
    grace::check()?;
    #[cfg(feature = "heap")]
    heap::check()?;
    Some(())
}

fn check<S: Scheme>(scheme: S, memory: with_scheme::StaticMemory) -> Option<()> {
    pages::check(scheme, memory)
}

/// `None` if a condition does not hold.
fn holds(what: bool) -> Option<()> {
    what.then_some(())
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// The length of a text in bytes.
fn length(text: impl fmt::Display) -> usize {
    let mut count = Count(0);
    let _ = write!(count, "{text}");
    count.0
}

/// A value that the compiler can't foresee.
fn any<T>(value: T) -> T {
    black_box(value)
}

unsafe extern "C" {
    /// Undefined: a call of it fails to link, with a message that has this name.
    fn a_path_to_a_panic_is_left() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the function is undefined, so that a program with this call does not link, and never runs it.
    unsafe { a_path_to_a_panic_is_left() }
}
