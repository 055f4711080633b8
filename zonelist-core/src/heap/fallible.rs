//! Collections that report a heap without room.

use alloc::{alloc::handle_alloc_error, collections::TryReserveError, string::String, vec::Vec};
use core::{alloc::Layout, fmt};

/// The heap has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoMemory;

impl From<TryReserveError> for NoMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// Ends the process where the heap has no room, as collections of `alloc` do. For callers that document no such error.
pub(crate) fn or_abort<T>(result: Result<T, NoMemory>) -> T {
    result.unwrap_or_else(|NoMemory| handle_alloc_error(Layout::new::<usize>()))
}

/// A copy of a slice.
pub(crate) fn copied<T: Copy>(slice: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copy = with_room(slice.len())?;
    copy.extend_from_slice(slice);
    Ok(copy)
}

/// An empty vector with room for exactly `count` elements.
pub(crate) fn with_room<T>(count: usize) -> Result<Vec<T>, NoMemory> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(count)?;
    Ok(elements)
}

/// The elements of an iterator, collected.
pub(crate) fn collected<T>(elements: impl Iterator<Item = T>) -> Result<Vec<T>, NoMemory> {
    let mut all = Vec::new();
    // The hint is only the lower bound: `push` reserves for the rest, since `extend` would abort.
    all.try_reserve(elements.size_hint().0)?;
    elements.into_iter().try_for_each(|element| push(&mut all, element))?;
    Ok(all)
}

/// Appends an element.
pub(crate) fn push<T>(to: &mut Vec<T>, element: T) -> Result<(), NoMemory> {
    to.try_reserve(1)?;
    to.push(element);
    Ok(())
}

/// Formatted text.
pub(crate) fn text(arguments: fmt::Arguments<'_>) -> Result<String, NoMemory> {
    struct Growing(String);
    impl fmt::Write for Growing {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
            self.0.push_str(part);
            Ok(())
        }
    }
    let mut text = Growing(String::new());
    // The writer fails for want of memory only, and the formatting itself can't fail.
    fmt::Write::write_fmt(&mut text, arguments).map_err(|fmt::Error| NoMemory)?;
    Ok(text.0)
}
