//! The proof that a reader follows the protocol, and the steps of a walk that it allows.

use core::marker::PhantomData;

use super::{
    Light, ReaderProtocol, Scheme,
    reader_slot::{CriticalSection, ReaderSlot},
};
use crate::sync::{or_mutant, unmodelled::Ordering::Relaxed};

/// Proof that a reader of this scheme follows the scheme's [`Scheme::PROTOCOL`].
///
/// [`Scheme::pin`] is given one for each guard; only this crate makes one. It is branded with the scheme's type, since
/// a scheme that wraps another could otherwise pass its own token on to it. Most schemes drop it at once: while the
/// guard lives, what it proves stays true. A scheme of [`ReaderProtocol::PerEntry`] keeps it, and clones it for each
/// walk.
///
/// # What a step excludes
///
/// While a [step](ReadToken::step) runs, [`Writer::stop`](super::Writer::stop) does not call its closure. Unsafe code
/// may rely on that, for each step of each token. The types see to it:
///
/// - All tokens of a guard, and so its walks, stay on the thread that has entered: a token is neither `Send` nor
///   `Sync`. Only that thread writes whether the reader is active.
/// - A step borrows its token exclusively, so that no step has another of the same token within.
/// - A step may have a step of a *clone* within, as when a walk has another walk. The reader then stays active until
///   all of them have ended, in whatever order: they are counted.
///
/// ```compile_fail,E0501
/// # use zonelist_core::publish::{ReadToken, Scheme};
/// fn nested<S: Scheme>(token: &mut ReadToken<'_, S>) {
///     token.step(|| token.step(|| ()));
/// }
/// ```
///
/// ```compile_fail,E0507
/// # use zonelist_core::publish::{ReadToken, Scheme};
/// fn copied<'g, S: Scheme>(token: &ReadToken<'g, S>) -> ReadToken<'g, S> {
///     *token
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use zonelist_core::publish::{ReadToken, Scheme};
/// fn sent<S: Scheme>(mut token: ReadToken<'_, S>) {
///     std::thread::scope(|scope| _ = scope.spawn(move || token.step(|| ())));
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use zonelist_core::publish::{ReadToken, Scheme};
/// fn shared<S: Scheme>(token: &ReadToken<'_, S>) {
///     std::thread::scope(|scope| _ = scope.spawn(|| token.clone().step(|| ())));
/// }
/// ```
///
/// Nor is one made by other crates:
///
/// ```compile_fail,E0624
/// # use zonelist_core::publish::{Light, ReadToken, ReaderSlot, Scheme};
/// fn forged<S: Scheme>(slot: &ReaderSlot, light: Light) -> ReadToken<'_, S> {
///     ReadToken::new(slot, light)
/// }
/// ```
///
/// Nor is a walk of such a scheme sent to another thread, or its guard:
///
/// ```compile_fail,E0277
/// use zonelist_core::{publish::Published, stop_world::StopWorldPreempted, table::{Capacity, Slots}};
/// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
/// let published = Published::new(StopWorldPreempted::new(table));
/// let mut reader = published.reader().unwrap();
/// let guard = reader.enter();
/// std::thread::scope(|scope| _ = scope.spawn(|| drop(guard)));
/// ```
#[derive(Debug)]
pub struct ReadToken<'g, S> {
    slot: &'g ReaderSlot,
    light: Light,
    scheme: PhantomData<fn(S)>,
    /// Neither sent nor shared.
    here: PhantomData<*const ()>,
}

impl<S> Clone for ReadToken<'_, S> {
    /// A token for another walk of the same guard. The two share one count of steps: see [`ReadToken`].
    #[inline(always)]
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'g, S: Scheme> ReadToken<'g, S> {
    #[inline(always)]
    pub(super) fn new(slot: &'g ReaderSlot, light: Light) -> Self {
        Self { slot, light, scheme: PhantomData, here: PhantomData }
    }

    /// Does one step of a walk with the reader active: for [`ReaderProtocol::PerEntry`] only. Under any other protocol
    /// it does not compile.
    ///
    /// Waits while a writer has the readers stopped; within a step of a clone it waits for nothing. Costs what entering
    /// a guard does: a store, the light half of the barrier pair, a load, a store; and two additions to a count.
    ///
    /// The step may panic, and then ends as any other. It must not publish through the
    /// [`Published`](super::Published) that the walk is of: that would wait for the step.
    #[inline]
    pub fn step<R>(&mut self, step: impl FnOnce() -> R) -> R {
        const { assert!(is_by_steps::<S>(), "a reader that is active for the whole guard takes no steps") };
        let _step = Step::begin(self.slot, self.light);
        step()
    }

    /// The same for a step that calls no foreign code. It has no step within it and is within none, and is not counted.
    #[inline]
    pub(crate) fn step_alone<R>(&mut self, step: impl FnOnce() -> R) -> R {
        const { assert!(is_by_steps::<S>(), "a reader that is active for the whole guard takes no steps") };
        let _critical_section = CriticalSection::enter(self.slot.handshake(), self.light);
        step()
    }
}

const fn is_by_steps<S: Scheme>() -> bool {
    matches!(S::PROTOCOL, ReaderProtocol::PerEntry)
}

/// A step that is under way. It ends when this is dropped, also out of a panic.
struct Step<'g>(&'g ReaderSlot);

impl<'g> Step<'g> {
    #[inline]
    fn begin(slot: &'g ReaderSlot, light: Light) -> Self {
        let steps = slot.steps().load(Relaxed);
        // Only the outermost step enters; one within it finds the reader active.
        if steps == 0 {
            slot.handshake().enter(light);
        }
        slot.steps().store(steps + 1, Relaxed);
        Self(slot)
    }
}

impl Drop for Step<'_> {
    #[inline]
    fn drop(&mut self) {
        // Relaxed: only the owner's thread accesses the count.
        let left = self.0.steps().load(Relaxed).saturating_sub(1);
        self.0.steps().store(left, Relaxed);
        // Only the last step to end leaves, in whatever order they end.
        if or_mutant!(left == 0 => true, "step: an inner one ends the outer") {
            self.0.handshake().leave();
        }
    }
}
