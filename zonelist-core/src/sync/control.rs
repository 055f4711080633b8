//! The state of a run that a scheduler controls, under `--cfg shuttle` only: the stopped thread, and the waiting one.
//!
//! One thread of a run, the *victim*, is stopped at some step until it is released. Another thread, the *operator*,
//! runs an operation meanwhile. The number of its waits shows whether the operation waits for the victim. The state is
//! in plain cells, since shuttle runs all threads of a run on one thread of the system.

use std::cell::RefCell;

/// The plan of a run, and what has come of it so far.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// The thread to stop, set once it has reached the code in which to stop it.
    pub victim: Option<usize>,
    /// The number of steps that the victim makes before it is stopped.
    pub point: usize,
    /// True while the victim is stopped, or while something else is held.
    pub held: bool,
    /// True if the victim made all its steps before it could be stopped.
    pub past: bool,
    /// True once the victim may run again.
    pub released: bool,
    /// The thread that runs the operation, once it has begun.
    pub operator: Option<usize>,
    /// The number of waits of the operator since then.
    pub waits: usize,
    /// True if the operator waited for as long as something was held.
    pub waited: bool,
    /// True if an endless wait ends by a panic, because only the operator could release what is held.
    pub hopeless: bool,
}

std::thread_local! {
    static CONTROL: RefCell<Control> = RefCell::default();
}

/// The number of waits from which on an operation counts as waiting for what is held. Other operations have fewer.
const WAITS: usize = 100;

/// The panic payload of an endless wait for what the waiting thread itself holds.
pub const HOPELESS: &str = "it waits for what its own thread holds";

impl Control {
    /// Reads or changes the state of this run.
    pub fn with<R>(access: impl FnOnce(&mut Self) -> R) -> R {
        CONTROL.with_borrow_mut(access)
    }

    /// Records a wait of the running thread.
    ///
    /// # Panics
    /// With [`HOPELESS`], if the run has an endless wait end so.
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
            // The operator waits for what is held: end the wait, by a release or by a panic.
            control.waited = true;
            if control.hopeless {
                // The panic releases nothing, and the thread may wait again while it unwinds: that wait must not panic.
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
