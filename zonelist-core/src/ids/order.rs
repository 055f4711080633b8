//! Orders: the sizes of blocks.

use core::fmt;

/// The order of a block: the block has `2^order` page frames, and begins at a multiple of that number.
///
/// Every order is one that some zone can have: at most [`Order::MAX`]. A zone may have a lower maximum
/// ([`Zone::max_order`](crate::Zone::max_order)).
///
/// ```
/// use zonelist_core::{PageRequest, ZoneKind, zone::Order};
/// let huge = PageRequest::up_to(ZoneKind::Movable).order(Order::PAGEBLOCK);
/// assert_eq!(huge.order.pages(), 512);
/// assert_eq!(Order::new(11), None);
/// ```
///
/// A number is no order, and neither is a page frame number:
///
/// ```compile_fail,E0308
/// # use zonelist_core::{PageRequest, Pfn, ZoneKind};
/// let request = PageRequest::up_to(ZoneKind::Normal).order(Pfn::new(3));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Order(u8);

impl Order {
    /// The order of a single page frame.
    pub const ZERO: Self = Self(0);

    /// The order of a pageblock.
    pub const PAGEBLOCK: Self = Self(9);

    /// The order of the largest block that a zone can allocate.
    pub const MAX: Self = Self(10);

    /// The number of orders.
    pub const COUNT: usize = Self::MAX.0 as usize + 1;

    /// Every order, lowest first.
    pub const ALL: [Self; Self::COUNT] = {
        let mut orders = [Self::ZERO; Self::COUNT];
        let mut number = 0;
        while number < Self::COUNT {
            orders[number] = Self(number as u8);
            number += 1;
        }
        orders
    };

    /// The order with this number, or `None` above [`Order::MAX`].
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The order with a number that is known when the program is compiled.
    ///
    /// ```
    /// use zonelist_core::zone::Order;
    /// assert_eq!(Order::of::<3>().pages(), 8);
    /// ```
    ///
    /// A number above that of [`Order::MAX`] does not compile:
    ///
    /// ```compile_fail,E0080
    /// zonelist_core::zone::Order::of::<11>();
    /// ```
    #[must_use]
    #[inline]
    pub const fn of<const NUMBER: u8>() -> Self {
        const { assert!(NUMBER <= Self::MAX.0, "expected an order of at most 10") };
        Self(NUMBER)
    }

    /// The order in the bits of a word that holds a valid one.
    #[inline(always)]
    pub(crate) const fn from_bits(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    #[inline(always)]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The number, as an index of tables with an entry for each order.
    #[must_use]
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The order of the two halves of a block; `None` for a single page frame.
    ///
    /// ```
    /// use zonelist_core::zone::Order;
    /// assert_eq!((Order::MAX.half(), Order::ZERO.half()), (Some(Order::PAGEBLOCK), None));
    /// ```
    #[must_use]
    pub const fn half(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number of page frames of a block, `2^order`.
    #[must_use]
    #[inline(always)]
    pub const fn pages(self) -> u64 {
        1 << self.0
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
