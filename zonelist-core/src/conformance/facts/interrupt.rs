//! Real signals: a thread is interrupted wherever it is, and does something else for a while.

use core::{cell::Cell, mem, ptr};
use std::{
    sync::{
        Once,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread, thread_local,
};

use super::{heap, random};

thread_local! {
    /// What this thread does when it is interrupted.
    static INTERRUPT: Cell<Option<&'static dyn Fn()>> = const { Cell::new(None) };
}

extern "C" fn on_signal(_: libc::c_int) {
    if let Some(interrupt) = INTERRUPT.get() {
        interrupt();
    }
}

/// A thread that can be interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Victim(libc::pthread_t);

impl Victim {
    /// The calling thread.
    #[must_use]
    pub fn here() -> Self {
        // SAFETY: it has no conditions.
        Self(unsafe { libc::pthread_self() })
    }

    /// Interrupts it, soon. It must not have ended.
    pub fn interrupt(self) {
        // SAFETY: the thread has not ended, and has a handler for this signal or ignores it.
        unsafe { libc::pthread_kill(self.0, libc::SIGUSR1) };
    }
}

/// Works, and runs `interrupt` each time that this thread is interrupted meanwhile.
///
/// # Panics
/// The system takes no signal handler.
pub fn interruptible<R>(interrupt: &dyn Fn(), work: impl FnOnce() -> R) -> R {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeros are a valid action: no flags, no signals blocked but this one.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the action is initialised, and the handler does what may be done in one.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) }, 0);
    });
    struct Cleared;
    impl Drop for Cleared {
        fn drop(&mut self) {
            INTERRUPT.set(None);
        }
    }
    // SAFETY: nobody uses it once it is cleared, which happens before this returns.
    let interrupt = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(interrupt) };
    INTERRUPT.set(Some(interrupt));
    let _cleared = Cleared;
    work()
}

/// Where a thread is stopped: it stays in its signal handler until it is let go.
#[derive(Debug, Default)]
pub struct Stop {
    /// Whether the thread is where it is to be stopped.
    at_it: AtomicBool,
    wanted: AtomicBool,
    stopped: AtomicBool,
    turns: AtomicUsize,
}

impl Stop {
    /// Does something in the middle of which the thread may be stopped.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        self.at_it.store(true, SeqCst);
        let result = work();
        self.at_it.store(false, SeqCst);
        self.turns.fetch_add(1, SeqCst);
        result
    }

    /// For the thread's handler.
    pub fn here(&self) {
        if self.at_it.load(SeqCst) && self.wanted.load(SeqCst) && !heap::is_inside() {
            self.stopped.store(true, SeqCst);
            while self.wanted.load(SeqCst) {
                // SAFETY: it has no conditions, and may be called in a signal handler.
                unsafe { libc::sched_yield() };
            }
            self.stopped.store(false, SeqCst);
        }
    }

    /// Stops the thread at some point within, does something, and lets it go.
    pub fn stopped<R>(&self, victim: Victim, meanwhile: impl FnOnce() -> R) -> R {
        // Not always at the same point: it does a few turns first, and a little of another.
        let turn = self.turns.load(SeqCst);
        while self.turns.load(SeqCst) == turn {
            thread::yield_now();
        }
        (0..random(200)).for_each(|_| std::hint::spin_loop());
        self.wanted.store(true, SeqCst);
        while !self.stopped.load(SeqCst) {
            victim.interrupt();
            (0..random(2000)).for_each(|_| std::hint::spin_loop());
            // The victim may want this CPU.
            thread::yield_now();
        }
        let result = meanwhile();
        self.wanted.store(false, SeqCst);
        while self.stopped.load(SeqCst) {
            thread::yield_now();
        }
        result
    }
}

/// Has a thread `work` for as long as it is to go on, and does something `beside` it that may stop it.
///
/// # Panics
/// `work` or `beside` does.
pub fn beside<R>(work: impl FnOnce(&Stop, &dyn Fn() -> bool) + Send, beside: impl FnOnce(&Stop, Victim) -> R) -> R {
    let (stop, end) = (Stop::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let (send, victim) = mpsc::channel();
        let (stop, end) = (&stop, &end);
        scope.spawn(move || {
            interruptible(&|| stop.here(), || {
                send.send(Victim::here()).expect("somebody waits for it");
                work(stop, &|| !end.load(SeqCst));
            });
        });
        let result = beside(stop, victim.recv().expect("a thread"));
        end.store(true, SeqCst);
        result
    })
}
