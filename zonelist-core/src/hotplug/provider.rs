//! The page provider: what an operation calls to publish lists and to prepare, finish and undo a change of memory.

use core::ops::Range;

use super::{deadline::Deadline, provider_error::ProviderError, state::State};
use crate::{
    NodeId, ZoneId, Zonelists,
    publish::{Barrier, PublishError, Published, Scheme},
};

/// Publishes a machine's lists, and manages the pages that they lead to.
///
/// A [`Published`] is a provider without pages: every operation succeeds. An
/// [`AllocatorProvider`](super::AllocatorProvider) is a page allocator.
///
/// ```text
/// online:   bring    state: sizes, watermarks    lists     give
///           undone by release                              can't fail
/// offline:  take     lists     state             release
///           undone by give                       can't fail
/// ```
///
/// All but [`operated`](PageProvider::operation_finished) are called within an operation, one at a time, under the machine's operation
/// lock and no other. They may allocate, publish, drain and wait for readers. An operation of the same machine is
/// refused ([`HotplugError::Nested`](super::HotplugError::Nested)); without `std`, where threads can't be distinguished, it
/// waits for ever.
///
/// A panic of a method undoes the operation, as its error does. Only `release`, `give` and `forget` are called when the
/// operation can't fail any more: after their panic it is done.
///
/// A safe trait: the machine keeps names, numbers and lists, and accesses no memory because of an answer. An answer that is
/// untrue, such as `Ok` for frames in use, leaves a state that repeats it, and users with pages that are gone.
pub trait PageProvider {
    /// Publishes lists.
    ///
    /// # Errors
    /// Readers still see the lists before.
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError>;

    /// Sets the watermarks and reserves of all zones of the state.
    fn set_watermarks(&self, _state: &State) {}

    /// Adds frames to a zone, isolated. Every step of onlining that can fail is here.
    ///
    /// # Errors
    /// Nothing has changed.
    fn prepare_online(&self, _zone: ZoneId, _frames: Range<u64>) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Ends the isolation of frames, which can be allocated from then on.
    fn finish_online(&self, _zone: ZoneId, _frames: Range<u64>) {}

    /// Isolates frames of a zone, and waits until none is in use.
    ///
    /// Movable pages migrate to other nodes that `state` says have memory, or within their node if there is no other. The
    /// rest is waited for until `limit` says stop.
    ///
    /// # Errors
    /// A frame stays in use. No frame is isolated any more; pages that migrated stay where they are.
    fn isolate(
        &self,
        _state: &State,
        _zone: ZoneId,
        _frames: Range<u64>,
        _limit: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Removes isolated frames without users from their zone.
    fn offline(&self, _zone: ZoneId, _frames: Range<u64>) {}

    /// Called after each operation, done or refused, without any lock: for work that the operation deferred.
    fn operation_finished(&self) {}

    /// Frees the metadata of a removed node's zones, where walks over old lists allow that.
    fn remove_node(&self, _node: NodeId) {}
}

impl<S: Scheme, B: Barrier, const READERS: usize> PageProvider for Published<S, B, READERS> {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        Self::publish(self, lists).map(drop)
    }
}
