//! A list of chunks that only grows, and never moves: what is kept for each reader slot.
//!
//! ```text
//!   list:   first chunk, next ---> chunk        each chunk: the items; the first item has the link to the next chunk
//!
//!   append, one caller at a time                read, at any time
//!   ----------------------------                ------------------------------------------------
//!   find the last link                          for each chunk, from the first:
//!   link.length := length                           its items
//!   link.items  := items     Release                if link.length is 0: end
//!                                                   items := link.items     Acquire; none: end
//! ```
//!
//! A chunk is owned, or borrowed exclusively for as long as the list lives: no other list ever has the same items.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull, slice};

use crate::sync::{
    Track,
    atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
    const_fn,
    unmodelled::{AtomicUsize, Ordering::Relaxed},
};

/// An item whose first of a chunk has the link to the next chunk.
pub(crate) trait Chunked: Sized + Send + Sync + 'static {
    /// The link of this item.
    fn next(&self) -> &Link<Self>;
}

/// The link to a chunk that may still come.
#[derive(Debug)]
pub(crate) struct Link<T> {
    items: AtomicPtr<T>,
    /// The number of items, stored before `items`; 0 without a chunk. Not modelled, so that a list that does not grow
    /// costs a model no step.
    length: AtomicUsize,
    /// The items that the memory has room for, if the chunk is owned; else 0.
    capacity: AtomicUsize,
    /// Has loom check that the items are seen as they were appended; empty in other builds.
    memory: Track,
}

impl<T: 'static> Link<T> {
    const_fn! {
        pub(crate) const fn new() -> Self {
            let (length, capacity) = (AtomicUsize::new(0), AtomicUsize::new(0));
            Self { items: AtomicPtr::new(core::ptr::null_mut()), length, capacity, memory: Track::new() }
        }
    }

    /// The chunk, if there is one.
    fn chunk(&self) -> Option<&[T]> {
        let length = self.length.load(Relaxed);
        if length == 0 {
            return None;
        }
        // Acquire: pairs with the release in `set`, so that the items are seen as they were appended.
        let items = NonNull::new(self.items.load(Acquire))?;
        self.memory.read();
        // SAFETY: `set` has the items of a chunk, which are shared from then on and live as long as the list. The length
        // was stored before.
        Some(unsafe { slice::from_raw_parts(items.as_ptr(), length) })
    }

    fn set(&self, chunk: Chunk<'static, T>) {
        let chunk = ManuallyDrop::new(chunk);
        self.capacity.store(chunk.capacity, Relaxed);
        self.length.store(chunk.length, Relaxed);
        self.memory.write();
        // Release: pairs with the acquire in `chunk`.
        self.items.store(chunk.items.as_ptr(), Release);
    }
}

/// Items for one chunk of a list.
#[derive(Debug)]
pub(crate) struct Chunk<'m, T> {
    items: NonNull<T>,
    length: usize,
    /// The items that the memory has room for, if the chunk is owned; else 0.
    capacity: usize,
    lifetime: PhantomData<&'m mut [T]>,
}

// SAFETY: a chunk is a vector, or an exclusive reference, and gives out shared references only.
unsafe impl<T: Send> Send for Chunk<'_, T> {}
// SAFETY: a shared chunk gives out shared references to its items only.
unsafe impl<T: Sync> Sync for Chunk<'_, T> {}

impl<'m, T> Chunk<'m, T> {
    /// A chunk of borrowed items.
    pub(crate) const fn given(items: &'m mut [T]) -> Self {
        let length = items.len();
        // SAFETY: the pointer of a slice is not null.
        let items = unsafe { NonNull::new_unchecked(items.as_mut_ptr()) };
        Self { items, length, capacity: 0, lifetime: PhantomData }
    }

    /// A chunk of owned items. They stay where they are.
    #[cfg(feature = "alloc")]
    pub(crate) fn owned(items: Vec<T>) -> Self {
        let mut items = ManuallyDrop::new(items);
        let (length, capacity) = (items.len(), items.capacity());
        // SAFETY: the pointer of a vector is not null.
        let items = unsafe { NonNull::new_unchecked(items.as_mut_ptr()) };
        Self { items, length, capacity, lifetime: PhantomData }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// The items, before they are appended.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.as_slice().iter()
    }

    fn as_slice(&self) -> &[T] {
        // SAFETY: the chunk has these items for itself, and gives out shared references only.
        unsafe { slice::from_raw_parts(self.items.as_ptr(), self.length) }
    }
}

impl<T> Drop for Chunk<'_, T> {
    fn drop(&mut self) {
        #[cfg(feature = "alloc")]
        if self.capacity > 0 {
            // SAFETY: these are the parts of the vector that `owned` took apart, once.
            drop(unsafe { Vec::from_raw_parts(self.items.as_ptr(), self.length, self.capacity) });
        }
    }
}

/// A list of chunks.
#[derive(Debug)]
pub(crate) struct Chunks<'m, T: Chunked> {
    first: Chunk<'m, T>,
    next: Link<T>,
}

impl<'m, T: Chunked> Chunks<'m, T> {
    const_fn! {
        /// The list of this chunk, which may be empty.
        pub(crate) const fn new(first: Chunk<'m, T>) -> Self {
            Self { first, next: Link::new() }
        }
    }

    /// The items of the first chunk.
    pub(crate) fn first(&self) -> &[T] {
        self.first.as_slice()
    }

    /// The chunks, in the sequence in which they were appended.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[T]> {
        let mut link = Some(&self.next);
        let rest = core::iter::from_fn(move || {
            let chunk = link.take()?.chunk()?;
            link = chunk.first().map(T::next);
            Some(chunk)
        });
        core::iter::once(self.first.as_slice()).chain(rest)
    }

    /// All items.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks().flatten()
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.chunks().map(<[T]>::len).sum()
    }

    /// The items from `start` on, `length` of them; none unless they are in one chunk.
    pub(crate) fn range(&self, mut start: usize, length: usize) -> &[T] {
        for chunk in self.chunks() {
            match start.checked_sub(chunk.len()) {
                Some(rest) => start = rest,
                None => return chunk.get(start..).and_then(|items| items.get(..length)).unwrap_or_default(),
            }
        }
        &[]
    }

    /// The item of this number.
    #[cfg(test)]
    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        self.range(number, 1).first()
    }

    /// Appends a chunk. Calls must exclude each other. A concurrent reader sees all of the chunk's items, or none.
    ///
    /// The chunk is borrowed for good, not for `'m`: the list is covariant, so a shared reference to it may name a shorter
    /// lifetime.
    pub(crate) fn append(&self, chunk: Chunk<'static, T>) {
        if chunk.len() == 0 {
            return;
        }
        let mut last = &self.next;
        while let Some(next) = last.chunk().and_then(<[T]>::first) {
            last = next.next();
        }
        last.set(chunk);
    }
}

impl<T: Chunked> Drop for Chunks<'_, T> {
    fn drop(&mut self) {
        // The link is read before the item that has it is dropped.
        let mut link = self.next.take();
        while let Some(chunk) = link {
            link = chunk.as_slice().first().and_then(|first| first.next().take());
            drop(chunk);
        }
    }
}

impl<T: 'static> Link<T> {
    /// Takes the chunk out of the link, for the drop of the list: nothing else refers to it then, and no access has to be
    /// ordered.
    fn take<'m>(&self) -> Option<Chunk<'m, T>> {
        let (length, capacity) = (self.length.load(Relaxed), self.capacity.load(Relaxed));
        let items = NonNull::new(if length == 0 { core::ptr::null_mut() } else { self.items.load(Relaxed) })?;
        self.length.store(0, Relaxed);
        Some(Chunk { items, length, capacity, lifetime: PhantomData })
    }
}

#[cfg(all(test, feature = "alloc", not(loom)))]
mod tests {
    use alloc::vec;
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Item(u32, Link<Self>);

    impl Item {
        fn new(number: u32) -> Self {
            Self(number, Link::new())
        }
    }

    impl Drop for Item {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Relaxed);
        }
    }

    impl Chunked for Item {
        fn next(&self) -> &Link<Self> {
            &self.1
        }
    }

    #[test]
    fn items_stay_where_they_are_and_owned_ones_are_dropped_once() {
        let borrowed = vec![Item::new(2), Item::new(3)].leak();
        {
            let list = Chunks::new(Chunk::owned(vec![Item::new(0), Item::new(1)]));
            let first = list.get(0).map(core::ptr::from_ref);
            list.append(Chunk::given(borrowed));
            list.append(Chunk::owned(vec![]));
            list.append(Chunk::owned(vec![Item::new(4)]));
            assert_eq!((list.get(0).map(core::ptr::from_ref), list.len()), (first, 5));
            assert!(list.iter().map(|item| item.0).eq(0..5));
            assert_eq!(list.chunks().map(<[Item]>::len).collect::<Vec<_>>(), [2, 2, 1]);
            assert_eq!(list.get(3).map(|item| item.0), Some(3));
            assert!(list.get(5).is_none() && list.range(1, 2).is_empty() && list.range(2, 2).len() == 2);
        }
        assert_eq!(DROPPED.load(Relaxed), 3);
        let empty = Chunks::<Item>::new(Chunk::given(&mut []));
        assert!(empty.len() == 0 && empty.get(0).is_none());
        empty.append(Chunk::owned(vec![Item::new(9)]));
        assert_eq!(empty.get(0).map(|item| item.0), Some(9));
        drop(empty);
        assert_eq!(DROPPED.load(Relaxed), 4);
    }
}
