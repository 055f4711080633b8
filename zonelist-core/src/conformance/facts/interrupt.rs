//! Real signals: a thread is interrupted at any point, and runs a handler.

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
    /// The handler of this thread.
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
        // SAFETY: `pthread_self` has no conditions.
        Self(unsafe { libc::pthread_self() })
    }

    /// Interrupts the thread, soon. The thread must not have ended.
    pub fn interrupt(self) {
        // SAFETY: the thread has not ended, and has a handler for this signal or ignores it.
        unsafe { libc::pthread_kill(self.0, libc::SIGUSR1) };
    }
}

/// Runs `work`, and runs `interrupt` each time that this thread is interrupted meanwhile.
///
/// # Panics
/// If the system does not accept a signal handler.
pub fn interruptible<R>(interrupt: &dyn Fn(), work: impl FnOnce() -> R) -> R {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeros are a valid action: without flags, and with no other signal blocked.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the action is initialised, and the handler calls only functions that a signal handler may call.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) }, 0);
    });
    struct Cleared;
    impl Drop for Cleared {
        fn drop(&mut self) {
            INTERRUPT.set(None);
        }
    }
    // SAFETY: only the handler of this thread uses the reference. `Cleared` removes it before this function returns or
    // unwinds, so that it is not used beyond its lifetime.
    let interrupt = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(interrupt) };
    INTERRUPT.set(Some(interrupt));
    let _cleared = Cleared;
    work()
}

/// Stops a thread within its signal handler, and lets it go on.
///
/// All accesses are SeqCst: this is a test tool, and needs no weaker ordering.
#[derive(Debug, Default)]
pub struct Stop {
    /// True while the thread runs code in which it may be stopped.
    may_stop: AtomicBool,
    /// True while the thread is to stay in its handler.
    wanted: AtomicBool,
    /// True while the thread is in its handler and waits.
    stopped: AtomicBool,
    /// The number of calls of `within` that have ended.
    rounds: AtomicUsize,
}

impl Stop {
    /// Runs `work`, within which the thread may be stopped.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        self.may_stop.store(true, SeqCst);
        let result = work();
        self.may_stop.store(false, SeqCst);
        self.rounds.fetch_add(1, SeqCst);
        result
    }

    /// The handler of the thread: waits here while the thread is to be stopped.
    ///
    /// Does not stop within the heap's code, whose locks other threads need.
    pub fn here(&self) {
        if self.may_stop.load(SeqCst) && self.wanted.load(SeqCst) && !heap::is_inside() {
            self.stopped.store(true, SeqCst);
            while self.wanted.load(SeqCst) {
                // SAFETY: `sched_yield` has no conditions, and a signal handler may call it.
                unsafe { libc::sched_yield() };
            }
            self.stopped.store(false, SeqCst);
        }
    }

    /// Stops the thread at some point of [`within`](Self::within), runs `meanwhile`, and lets the thread go on.
    pub fn stopped<R>(&self, victim: Victim, meanwhile: impl FnOnce() -> R) -> R {
        // A random point: the thread ends its round, and runs a random part of the next.
        let round = self.rounds.load(SeqCst);
        while self.rounds.load(SeqCst) == round {
            thread::yield_now();
        }
        (0..random(200)).for_each(|_| std::hint::spin_loop());
        self.wanted.store(true, SeqCst);
        while !self.stopped.load(SeqCst) {
            victim.interrupt();
            (0..random(2000)).for_each(|_| std::hint::spin_loop());
            // The thread may need this CPU to receive the signal.
            thread::yield_now();
        }
        let result = meanwhile();
        self.wanted.store(false, SeqCst);
        // Until it has left the handler: it could otherwise miss the next stop.
        while self.stopped.load(SeqCst) {
            thread::yield_now();
        }
        result
    }
}

/// Runs `work` on another thread, and `beside` on this one, which may stop that thread.
///
/// `work` gets a function that is true until `beside` has returned.
///
/// # Panics
/// If `work` or `beside` panics.
pub fn beside<R>(work: impl FnOnce(&Stop, &dyn Fn() -> bool) + Send, beside: impl FnOnce(&Stop, Victim) -> R) -> R {
    let (stop, end) = (Stop::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let (send, victim) = mpsc::channel();
        let (stop, end) = (&stop, &end);
        scope.spawn(move || {
            interruptible(&|| stop.here(), || {
                send.send(Victim::here()).expect("the receiver waits");
                work(stop, &|| !end.load(SeqCst));
            });
        });
        let result = beside(stop, victim.recv().expect("a thread"));
        end.store(true, SeqCst);
        result
    })
}
