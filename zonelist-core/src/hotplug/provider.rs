//! The page provider: what an operation calls to publish lists and to prepare, finish and undo a change of memory.

use core::ops::Range;

use super::{deadline::Deadline, provider_error::ProviderError, state::State};
use crate::{
    NodeId, Pfn, ZoneId, Zonelists,
    publish::{Platform, PublishError, Published, Scheme},
};

/// Publishes a machine's lists, and manages the pages that they lead to.
///
/// A [`Published`] is a provider without pages: every operation succeeds. An
/// [`AllocatorProvider`](super::AllocatorProvider) is a page allocator.
///
/// ```text
/// online:   prepare_online         set_watermarks    publish           finish_online
///           undone by offline      undone by itself                    can't fail
///
/// offline:  isolate                publish           offline           set_watermarks
///           undone by                                can't fail
///           finish_online
/// ```
///
/// All methods but [`operation_finished`](PageProvider::operation_finished) are called within an operation, one at a
/// time, under the machine's operation lock and no other lock. They may allocate, publish, drain and wait for readers.
/// They may not start an operation of the same machine: it is refused
/// ([`HotplugError::Nested`](super::HotplugError::Nested)). Without `std`, where threads can't be distinguished, it
/// waits for ever.
///
/// A panic of a method undoes the operation, as an error does. When `offline`, `finish_online` or `remove_node` is
/// called as a step of the operation, the operation can't fail any more: after their panic it is done.
///
/// A safe trait: the machine keeps names, numbers and lists, and accesses no memory because of a return value. An
/// untrue return value, such as `Ok` for frames in use, leads to a state that is wrong in the same way, and to users
/// whose pages have no memory.
pub trait PageProvider {
    /// Publishes lists.
    ///
    /// # Errors
    /// Readers still see the lists that were published before.
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError>;

    /// Sets the watermarks and reserves of all zones of the state.
    fn set_watermarks(&self, _state: &State) {}

    /// Adds frames to a zone, isolated. Every step of onlining that can fail is here.
    ///
    /// # Errors
    /// Nothing has changed.
    fn prepare_online(&self, _zone: ZoneId, _frames: Range<Pfn>) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Ends the isolation of frames: they can be allocated from then on.
    fn finish_online(&self, _zone: ZoneId, _frames: Range<Pfn>) {}

    /// Isolates frames of a zone, and waits until none is in use.
    ///
    /// Movable pages migrate to other nodes that have memory in `state`, or within their node if there is no such node.
    /// The call waits for all other pages, until `deadline` stops the wait.
    ///
    /// # Errors
    /// A frame stays in use. No frame is isolated any more; pages that migrated stay where they are.
    fn isolate(
        &self,
        _state: &State,
        _zone: ZoneId,
        _frames: Range<Pfn>,
        _deadline: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Removes isolated frames without users from their zone.
    fn offline(&self, _zone: ZoneId, _frames: Range<Pfn>) {}

    /// Called after each operation, successful or refused, without any lock: for work that the operation deferred.
    fn operation_finished(&self) {}

    /// Frees the metadata of a removed node's zones, where walks over old lists allow that.
    fn remove_node(&self, _node: NodeId) {}
}

impl<S: Scheme, P: Platform> PageProvider for Published<S, P> {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        Self::publish(self, lists).map(drop)
    }
}
