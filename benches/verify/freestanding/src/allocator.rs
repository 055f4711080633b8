//! The page allocator in a kernel's place, without a way to panic: with the scheme that is the program's feature it
//! calls every public function of zones, pages and lists, with values that the compiler can't foresee, and ends with 0
//! if all is as it should be.
//!
//! The panic handler calls a function that there is not. So the program is only linked if nothing that it calls can
//! come to a panic.

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

fn check<S: Scheme>(scheme: S) -> Option<()> {
    #[cfg(feature = "panics")]
    any([1, 2][any(3)]);
    zones::check()?;
    lists::check()?;
    grace::check()?;
    #[cfg(feature = "heap")]
    heap::check()?;
    pages::check(scheme)
}

/// Nothing, if something holds.
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

/// How long a text is.
fn length(text: impl fmt::Display) -> usize {
    let mut count = Count(0);
    let _ = write!(count, "{text}");
    count.0
}

/// Something that the compiler can't see through.
fn any<T>(value: T) -> T {
    black_box(value)
}

unsafe extern "C" {
    /// Nowhere.
    fn a_path_to_a_panic_is_left() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: no program that calls it is linked.
    unsafe { a_path_to_a_panic_is_left() }
}
