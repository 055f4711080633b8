//! What a scheme can do to readers while it publishes.

use super::{Version, seat::Seat};

/// The writer's powers over readers, held by one at a time.
#[derive(Debug)]
pub struct Writer<'p> {
    seats: &'p [Seat],
    heavy: fn(),
    version: Version,
}

impl<'p> Writer<'p> {
    pub(super) fn new(seats: &'p [Seat], heavy: fn(), version: Version) -> Self {
        Self { seats, heavy, version }
    }

    /// The number of the version that is being published.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Does something while no reader is in its seat, and none gets in: closes every gate, waits
    /// until all have left, opens again.
    ///
    /// Every walk under [`Grace::Section`](super::Grace::Section) that began before has then ended.
    /// A reader that never leaves blocks it for ever.
    pub fn stop<R>(&mut self, alone: impl FnOnce() -> R) -> R {
        let closed = Closed::all(self.seats);
        if !crate::sync::fault("stop: no barrier") {
            // Pairs with the light half in `Door::enter` and `Door::enter_drawer`.
            (self.heavy)();
        }
        closed.0.iter().for_each(|seat| seat.door().wait_empty());
        alone()
    }
}

/// Opens all gates when it goes, also out of a panic.
struct Closed<'p>(&'p [Seat]);

impl<'p> Closed<'p> {
    fn all(seats: &'p [Seat]) -> Self {
        seats.iter().for_each(|seat| seat.door().close());
        Self(seats)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|seat| seat.door().open());
    }
}
