//! Pages that no allocator has allocated.

use zonelist_core::Page;

/// The page of a word; `None` if the word is of no page.
pub(crate) fn page_of_word(word: u64) -> Option<Page> {
    // SAFETY: what the contract protects is code that accesses the memory of its pages. No test with a page of this
    // function has memory behind frames, and the outcome of a free of such a page is defined.
    unsafe { Page::from_raw(word) }
}

/// The page of a single frame of zone number 0.
pub(crate) fn page(pfn: u64) -> Page {
    page_of_word(1 << 63 | pfn).unwrap()
}

/// The page of the same block, for a second owner that does what the contract forbids.
pub(crate) fn again(page: &Page) -> Page {
    page_of_word(page.as_raw()).unwrap()
}
