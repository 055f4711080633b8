//! A step that is undone unless all that follows it succeeds, and one that is done whatever becomes of what is before it.

/// Does something when it goes, unless that is called off: also out of a panic.
pub(super) struct Undo<U: FnMut()>(Option<U>);

impl<U: FnMut()> Undo<U> {
    pub(super) fn by(undo: U) -> Self {
        Self(Some(undo))
    }

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
