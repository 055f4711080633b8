//! Which thread is stopped, and which waits, in a run that a scheduler controls: under `--cfg shuttle` only.
//!
//! One thread of a run, the *victim*, is stopped at some step of something it does, until it is released. Another does an
//! operation; how often that waits meanwhile tells whether it waits for the victim. Kept in plain cells: shuttle runs
//! all threads of a run on one of the system's.

use std::cell::RefCell;

/// What a run is to come to.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// The thread that is to be stopped, once it is at what it is to be stopped at.
    pub victim: Option<usize>,
    /// Steps that it is to make before.
    pub point: usize,
    /// Whether it is stopped, or something else is held.
    pub held: bool,
    /// Whether it was past all its steps before it could be stopped.
    pub past: bool,
    /// Whether it may go on.
    pub released: bool,
    /// The thread that does the operation, once it does.
    pub operator: Option<usize>,
    /// How often that has waited since.
    pub waits: usize,
    /// Whether it waited for as long as something was held.
    pub waited: bool,
    /// Whether waiting for ever ends by a panic, since only the operator could release what is held.
    pub hopeless: bool,
}

std::thread_local! {
    static CONTROL: RefCell<Control> = RefCell::default();
}

/// Waits of an operation after which it is taken to wait for what is held: more than any has that does not.
const WAITS: usize = 100;

/// What a hopeless wait panics with.
pub const HOPELESS: &str = "it waits for what its own thread holds";

impl Control {
    /// Looks at it, or changes it.
    pub fn with<R>(look: impl FnOnce(&mut Self) -> R) -> R {
        CONTROL.with_borrow_mut(look)
    }

    /// Notes that the running thread waits.
    pub(super) fn wait() {
        let this = super::this_thread().map(|this| this - 1);
        let hopeless = Self::with(|control| {
            if this.is_none() || control.operator != this || control.released {
                return false;
            }
            control.waits += 1;
            if control.waits < WAITS {
                return false;
            }
            control.waited = true;
            if control.hopeless {
                // Nothing is released by that, and it may wait again while it unwinds.
                control.operator = None;
            } else {
                control.released = true;
            }
            control.hopeless
        });
        if hopeless {
            std::panic::panic_any(HOPELESS);
        }
    }
}
