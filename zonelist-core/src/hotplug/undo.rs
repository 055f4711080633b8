//! Scope guards: undo a step unless all that follows it succeeds, or do a step even after a panic.

/// Calls a closure when dropped, also during a panic, unless [`keep`](Self::keep) was called.
pub(super) struct Undo<U: FnMut()>(Option<U>);

impl<U: FnMut()> Undo<U> {
    /// A guard that calls `undo`.
    pub(super) fn by(undo: U) -> Self {
        Self(Some(undo))
    }

    /// Keeps what was done: the closure is not called.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl<U: FnMut()> Drop for Undo<U> {
    fn drop(&mut self) {
        if let Some(undo) = &mut self.0 {
            undo();
        }
    }
}
