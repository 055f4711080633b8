//! Page frame numbers.

use core::{
    fmt,
    ops::{Add, AddAssign, Range, Sub},
};

use super::Order;

/// A page frame number: the physical address of a page frame, divided by the length of a page.
///
/// It is absolute, of the whole machine, and not a number within a zone. A number of frames is a `u64`: it can be added
/// and subtracted, and two page frame numbers differ by one. Overflow is that of `u64`.
///
/// ```
/// use zonelist_core::{Pfn, zone::Order};
/// let pfn = Pfn::new(0x1000);
/// assert_eq!((pfn + 5) - pfn, 5);
/// assert_eq!((pfn + 5).align_down(Order::of::<2>()), pfn + 4);
/// assert_eq!(format!("{pfn} is {pfn:#x}"), "4096 is 0x1000");
/// ```
///
/// It is neither a block of memory nor an order, whose numbers are as small:
///
/// ```compile_fail,E0308
/// # use zonelist_core::{Mobility, Pfn, Zone, sync::Spin};
/// fn alloc(zone: &Zone<'_, Spin>) -> Option<Pfn> {
///     zone.alloc(Pfn::new(3), Mobility::Movable)
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use zonelist_core::{Zone, hotplug::BlockId, sync::Spin};
/// fn manages(zone: &Zone<'_, Spin>) -> bool {
///     zone.manages(BlockId::new(3))
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Pfn(u64);

impl Pfn {
    /// The page frame of this number.
    #[must_use]
    #[inline]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The page frames of a range of numbers.
    ///
    /// ```
    /// use zonelist_core::Pfn;
    /// assert_eq!(Pfn::range(512..1024), Pfn::new(512)..Pfn::new(1024));
    /// ```
    #[must_use]
    #[inline]
    pub const fn range(numbers: Range<u64>) -> Range<Self> {
        Self(numbers.start)..Self(numbers.end)
    }

    /// The page frames of a range, one after the other: the range itself is no iterator.
    ///
    /// ```
    /// use zonelist_core::Pfn;
    /// let frames: Vec<Pfn> = Pfn::iter(Pfn::range(7..9)).collect();
    /// assert_eq!(frames, [Pfn::new(7), Pfn::new(8)]);
    /// ```
    pub fn iter(range: Range<Self>) -> impl DoubleEndedIterator<Item = Self> {
        (range.start.0..range.end.0).map(Self)
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The frame that is `frames` higher, or the highest number if that overflows.
    #[must_use]
    pub const fn saturating_add(self, frames: u64) -> Self {
        Self(self.0.saturating_add(frames))
    }

    /// The number of frames from another one to this one, or 0 if this one is lower.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }

    /// True if a block of this order can begin here: the number is a multiple of its length.
    #[must_use]
    #[inline]
    pub const fn is_aligned(self, order: Order) -> bool {
        self.0 & (order.pages() - 1) == 0
    }

    /// The highest frame, up to this one, that is aligned to an order.
    #[must_use]
    #[inline]
    pub const fn align_down(self, order: Order) -> Self {
        Self(self.0 & !(order.pages() - 1))
    }

    /// The lowest frame, from this one on, that is aligned to an order. Overflow is that of `u64`.
    #[must_use]
    pub const fn align_up(self, order: Order) -> Self {
        Self(self.0 + (order.pages() - 1)).align_down(order)
    }
}

impl Add<u64> for Pfn {
    type Output = Self;

    #[inline]
    fn add(self, frames: u64) -> Self {
        Self(self.0 + frames)
    }
}

impl AddAssign<u64> for Pfn {
    #[inline]
    fn add_assign(&mut self, frames: u64) {
        self.0 += frames;
    }
}

impl Sub<u64> for Pfn {
    type Output = Self;

    #[inline]
    fn sub(self, frames: u64) -> Self {
        Self(self.0 - frames)
    }
}

impl Sub for Pfn {
    type Output = u64;

    /// The number of frames from the other to this one.
    #[inline]
    fn sub(self, other: Self) -> u64 {
        self.0 - other.0
    }
}

impl fmt::Debug for Pfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::LowerHex for Pfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
