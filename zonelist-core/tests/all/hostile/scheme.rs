//! A scheme that panics or calls the library again in any of its methods, as a test requests.

use std::cell::{Cell, RefCell};

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme, WaitError, Walk, Writer},
    stop_world::StopWorld,
    table::Slot,
    zonelist::ZonelistsRef,
};

/// The callbacks of a scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Callback {
    Local,
    DropLocal,
    Filter,
    Pin,
    DropPinned,
    Walk,
    CloneWalk,
    DropWalk,
    Next,
    MustRetry,
    Publish,
}

impl Callback {
    pub(super) const ALL: [Self; 11] = [
        Self::Local,
        Self::DropLocal,
        Self::Filter,
        Self::Pin,
        Self::DropPinned,
        Self::Walk,
        Self::CloneWalk,
        Self::DropWalk,
        Self::Next,
        Self::MustRetry,
        Self::Publish,
    ];
}

thread_local! {
    /// The callback in which this thread panics, and the number of calls of it before.
    static PANICS: Cell<Option<(Callback, usize)>> = const { Cell::new(None) };
    /// What this thread's next walk calls at its first `next`.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Makes one call of this callback panic in this thread, after `behind` calls.
pub(super) fn panics_once(at: Callback, behind: usize) {
    PANICS.set(Some((at, behind)));
}

/// True if that call has panicked. From now on none panics.
pub(super) fn has_panicked() -> bool {
    PANICS.take().is_none()
}

/// Makes this thread's next walk call `act`.
pub(super) fn meanwhile(act: impl FnOnce() + 'static) {
    MEANWHILE.set(Some(Box::new(act)));
}

fn called(at: Callback) {
    match PANICS.get() {
        Some((wanted, behind)) if wanted == at && !std::thread::panicking() => {
            PANICS.set(behind.checked_sub(1).map(|behind| (at, behind)));
            assert!(behind > 0, "a bug of the scheme, at {at:?}");
        }
        _ => (),
    }
}

/// The zonerefs that the walks show, by position.
type Shows = fn(usize) -> Option<Zoneref>;

/// A scheme of the reader protocol that the number stands for.
#[derive(Debug)]
pub(super) struct Hostile<const PROTOCOL: u8>(pub(super) Shows);

/// A value whose drop is a callback.
#[derive(Debug)]
pub(super) struct Dropped(Callback);

impl Drop for Dropped {
    fn drop(&mut self) {
        called(self.0);
    }
}

#[derive(Debug)]
pub(super) struct HostileWalk {
    shows: Shows,
    next: usize,
    _dropped: Dropped,
}

impl Clone for HostileWalk {
    fn clone(&self) -> Self {
        called(Callback::CloneWalk);
        Self { _dropped: Dropped(Callback::DropWalk), ..*self }
    }
}

impl Iterator for HostileWalk {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        called(Callback::Next);
        let meanwhile = MEANWHILE.take();
        meanwhile.into_iter().for_each(|act| act());
        self.next += 1;
        (self.shows)(self.next - 1)
    }
}

impl Walk for HostileWalk {
    fn must_retry(&self) -> bool {
        called(Callback::MustRetry);
        super::random() % 8 == 0
    }
}

impl<const PROTOCOL: u8> Scheme for Hostile<PROTOCOL> {
    const FACTS: Facts = <StopWorld<Box<[Slot]>> as Scheme>::FACTS;
    const PROTOCOL: ReaderProtocol = match PROTOCOL {
        0 => ReaderProtocol::None,
        1 => ReaderProtocol::PerEntry,
        2 => ReaderProtocol::CriticalSection,
        _ => ReaderProtocol::Quiescent,
    };
    type Local = Dropped;
    type Filter = ();
    type Pinned<'g> = (Shows, Dropped);
    type Walk<'w> = HostileWalk;

    fn local(&self) -> Dropped {
        called(Callback::Local);
        Dropped(Callback::DropLocal)
    }

    fn filter(&self, _: &Request) {
        called(Callback::Filter);
    }

    fn pin<'g>(&'g self, _: &'g Dropped, _: ReadToken<'g, Self>) -> (Shows, Dropped) {
        called(Callback::Pin);
        (self.0, Dropped(Callback::DropPinned))
    }

    fn walk<'w, 'g: 'w>((shows, _): &'w (Shows, Dropped), _: NodeId, (): &'w ()) -> HostileWalk {
        called(Callback::Walk);
        HostileWalk { shows: *shows, next: 0, _dropped: Dropped(Callback::DropWalk) }
    }

    /// Swaps nothing, and calls each method of the writer.
    fn publish(&self, _: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        writer.start_grace_period();
        writer.wait_grace_period()?;
        writer.start_grace_period();
        writer.stop(|| called(Callback::Publish))?;
        writer.synchronize()?;
        Ok(())
    }
}

impl<const PROTOCOL: u8> Reclaim for Hostile<PROTOCOL> {
    /// Waits by the writer or not at all: the library waits for operations of handles by itself.
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        if PROTOCOL % 2 == 1 { writer.synchronize() } else { Ok(()) }
    }
}
