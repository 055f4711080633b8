//! A scheme with everything around it: seats, the writer lock, version numbers.

use core::{fmt, marker::PhantomData};

use super::{
    Barrier, FullFence, Grace, Membership, Reader, ReaderError, Reclaim, Scheme, Writer, seat::Seat, writer::Asking,
};
use crate::{
    CapacityError, Lists, Locked, Request, Spin, ZoneId,
    sync::{const_fn, fault},
};

/// Zonelists, published by a scheme to at most `SEATS` registered readers at a time.
///
/// `B` is the barrier pair between readers and writers, which only schemes that look at seats use.
#[derive(Debug)]
pub struct Published<S, B = FullFence, const SEATS: usize = 64> {
    scheme: S,
    seats: [Seat; SEATS],
    /// Behind the writer lock.
    ledger: Locked<Ledger>,
    barrier: PhantomData<fn(B)>,
}

/// What one writer leaves to the next.
#[derive(Debug)]
struct Ledger {
    /// The current version.
    version: Version,
    asking: Asking,
}

/// The number of a published version: 1 for the first, one more for each next. Behind the largest
/// number of the CPU's word comes 0: on a 32-bit CPU, after 2^32 publishes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(usize);

impl Version {
    /// The version of that number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}", self.0)
    }
}

/// Why a version was not published. Readers go on to see the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The lists are larger than the scheme has room for.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The zone is in no order that the scheme keeps: lists that name it have to be published first.
    #[error("zone {zone} has no place in the lists; expected one that was published in them")]
    NoPlace {
        /// The zone.
        zone: ZoneId,
    },
    /// Somebody else is publishing, or walks still go on over what the version would be written
    /// over, and the caller would not wait.
    #[error("another publish is under way, or walks over a version before it; expected neither")]
    Busy,
}

impl<S: Scheme, B: Barrier, const SEATS: usize> Published<S, B, SEATS> {
    const_fn! {
        /// Puts a scheme in charge. There is no version yet: every list is empty.
        #[must_use]
        pub const fn new(scheme: S) -> Self {
            const { assert!(SEATS > 0, "without a seat there can be no reader") };
            #[cfg(not(loom))]
            let seats = [const { Seat::new() }; SEATS];
            #[cfg(loom)]
            let seats = core::array::from_fn(|_| Seat::new());
            let ledger = Ledger { version: Version(0), asking: Asking::new() };
            Self { scheme, seats, ledger: Locked::new(Spin::new(), ledger), barrier: PhantomData }
        }
    }

    /// Registers a reader: once for a thread or CPU.
    ///
    /// A scheme of [`Grace::None`] has room for any number of them.
    ///
    /// # Errors
    /// All seats are taken, or the barrier pair does not work on this system.
    pub fn reader(&self) -> Result<Reader<'_, S, B>, ReaderError> {
        let seat = match S::GRACE {
            Grace::None => &self.seats[0],
            Grace::Step | Grace::Section | Grace::Quiescent => self.claim()?.1,
        };
        let reader = Reader::new(&self.scheme, seat);
        reader.online();
        Ok(reader)
    }

    /// Registers a reader that keeps something at its seat, whatever the scheme; with the seat's number.
    ///
    /// It must sit down for each walk. Where the scheme needs no seat, [`Reader::give_up_own`] gives it back.
    pub(crate) fn reader_with_drawer(&self) -> Result<(Reader<'_, S, B>, usize), ReaderError> {
        let (number, seat) = self.claim()?;
        Ok((Reader::new(&self.scheme, seat), number))
    }

    fn claim(&self) -> Result<(usize, &Seat), ReaderError> {
        if !B::prepare() {
            return Err(ReaderError::NoBarrier);
        }
        let free = self.seats.iter().enumerate().find(|(_, seat)| seat.claim());
        free.ok_or(ReaderError::NoSeat { seats: SEATS })
    }

    /// Borrows what readers keep at these seats: hands each seat's number to `borrow` while its
    /// reader, who goes on, keeps its hands off.
    ///
    /// Waits only for what a reader has begun. Behind the writer lock, so that one at a time writes to gates.
    pub(crate) fn borrow_drawers(&self, wanted: impl Fn(usize) -> bool, mut borrow: impl FnMut(usize)) {
        self.ledger.with(|_| {
            let borrowed = |number: &usize| wanted(*number);
            // Asked once a seat: what it keeps changes under us.
            let mut set = [false; SEATS];
            (0..SEATS).filter(borrowed).for_each(|number| {
                set[number] = true;
                self.seats[number].drawer(S::GRACE).borrow();
            });
            if !fault("drawer: no barrier") {
                // Pairs with the light half in `Door::enter_drawer`.
                B::heavy();
            }
            for number in (0..SEATS).filter(|&number| set[number]) {
                let drawer = self.seats[number].drawer(S::GRACE);
                drawer.wait_hands_off();
                borrow(number);
                drawer.open();
            }
        });
    }

    /// A request in the scheme's form. Make it once for a class of requests.
    #[must_use]
    pub fn filter(&self, request: &Request) -> S::Filter {
        self.scheme.filter(request)
    }

    /// Replaces the current version. Callers need not serialise: one waits for the other, and for
    /// readers where the scheme has to.
    ///
    /// # Errors
    /// The lists do not fit; readers go on to see the version before.
    pub fn publish<'l>(&self, lists: impl Into<Lists<'l>>) -> Result<Version, PublishError> {
        self.ledger.with(|ledger| self.publish_after(ledger, lists.into(), true))
    }

    /// Replaces the current version, unless another publish is under way, or walks go on that
    /// [`Published::publish`] would have to wait for.
    ///
    /// # Errors
    /// [`PublishError::Busy`], or whatever [`Published::publish`] says.
    pub fn try_publish<'l>(&self, lists: impl Into<Lists<'l>>) -> Result<Version, PublishError> {
        let tried = self.ledger.try_with(|ledger| self.publish_after(ledger, lists.into(), false));
        tried.ok_or(PublishError::Busy)?
    }

    /// Takes a zone off all lists, or puts it back where it stood: a version like any other, for
    /// which no lists are needed.
    ///
    /// The order of the others is what it was. If the rules now want another one, or want the zone
    /// elsewhere, publish the lists.
    ///
    /// # Errors
    /// The zone has no place in the lists; readers go on to see the version before.
    pub fn set_present(&self, zone: ZoneId, present: bool) -> Result<Version, PublishError>
    where
        S: Membership,
    {
        self.ledger.with(|ledger| self.number(ledger, true, |next| self.scheme.set_present(zone, present, next)))
    }

    /// Returns once every walk that began before the call has ended.
    pub fn synchronize(&self)
    where
        S: Reclaim,
    {
        self.ledger.with(|Ledger { version, asking }| {
            self.scheme.synchronize(&mut self.writer(asking, *version, true));
        });
    }

    /// Drops something that only walks over older versions can still refer to, when none can any more.
    pub fn retire<T>(&self, garbage: T)
    where
        S: Reclaim,
    {
        self.synchronize();
        drop(garbage);
    }

    fn publish_after(&self, ledger: &mut Ledger, lists: Lists<'_>, patient: bool) -> Result<Version, PublishError> {
        self.number(ledger, patient, |next| self.scheme.publish(lists, next))
    }

    fn number(
        &self,
        ledger: &mut Ledger,
        patient: bool,
        publish: impl FnOnce(&mut Writer<'_>) -> Result<(), PublishError>,
    ) -> Result<Version, PublishError> {
        let version = Version(ledger.version.0.wrapping_add(1));
        publish(&mut self.writer(&mut ledger.asking, version, patient))?;
        ledger.version = version;
        Ok(version)
    }

    fn writer<'p>(&'p self, asking: &'p mut Asking, version: Version, patient: bool) -> Writer<'p> {
        Writer { seats: &self.seats, grace: S::GRACE, heavy: B::heavy, version, asking, patient }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Capacity, Slots, StopWorld, Zonelists};

    #[test]
    fn numbers_of_versions_begin_anew() {
        let table = Slots::boxed(Capacity::new(1, 1).unwrap());
        let published: Published<_, FullFence, 1> = Published::new(StopWorld::new(table));
        published.ledger.with(|ledger| ledger.version = Version::of(usize::MAX - 1));
        let publish = || published.publish(&Zonelists::default()).map(Version::number);
        assert_eq!([publish(), publish(), publish()], [Ok(usize::MAX), Ok(0), Ok(1)]);
    }
}
