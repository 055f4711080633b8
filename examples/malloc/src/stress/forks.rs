//! A hundred forks, while other threads allocate and free. Each child allocates, frees, starts a thread, and forks.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::allocation::Allocation;

const FORKS: usize = 100;
const THREADS: usize = 3;
/// The time for a child, above which it counts as waiting for ever.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run() -> Result<String, String> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        (0..THREADS).for_each(|nth| {
            _ = scope.spawn({
                let over = &over;
                move || beside(nth as u64, over)
            })
        });
        let random = &mut fastrand::Rng::with_seed(1);
        let mut kept = (0..100).map(|_| Allocation::new(random)).collect::<Result<Vec<_>, _>>()?;
        let forked = (0..FORKS).try_for_each(|nth| fork(&mut kept, nth, true));
        over.store(true, Relaxed);
        forked.map(|()| format!("{FORKS} forks, and one of each child, beside {THREADS} threads"))
    })
}

/// Allocates and frees until `over`.
fn beside(seed: u64, over: &AtomicBool) {
    let random = &mut fastrand::Rng::with_seed(seed);
    let mut kept = Vec::new();
    while !over.load(Relaxed) {
        kept.extend((0..30).map(|_| Allocation::new(random)));
        if kept.len() > 300 {
            kept.clear();
        }
    }
}

/// Forks, and waits for the child.
fn fork(kept: &mut Vec<Allocation>, nth: usize, again: bool) -> Result<(), String> {
    // SAFETY: the child uses only what a child may use: this thread's memory, and malloc, which is prepared for forks.
    let child = unsafe { libc::fork() };
    if child < 0 {
        return Err(format!("fork {nth}: {}", std::io::Error::last_os_error()));
    }
    if child == 0 {
        let code = match in_child(kept, nth, again) {
            Ok(()) => 0,
            Err(why) => {
                eprintln!("child {nth}: {why}");
                1
            }
        };
        // SAFETY: ends this process, the child.
        unsafe { libc::_exit(code) };
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let mut status = 0;
        // SAFETY: the process is a child of this one, and `status` a place for the outcome.
        match unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } {
            0 if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            0 => {
                // SAFETY: the process is a child of this one that has not been waited for.
                unsafe { libc::kill(child, libc::SIGKILL) };
                return Err(format!("child {nth} waits for ever"));
            }
            _ if status == 0 => return Ok(()),
            _ => return Err(format!("child {nth} ended with status {status:#x}")),
        }
    }
}

/// The work of a child: what the parent allocated is there, and can be freed; malloc serves, also on another thread.
fn in_child(kept: &mut Vec<Allocation>, nth: usize, again: bool) -> Result<(), String> {
    kept.iter_mut().try_for_each(Allocation::check)?;
    kept.truncate(kept.len() / 2);
    let work = move || {
        let random = &mut fastrand::Rng::with_seed(nth as u64);
        let mut made = (0..100).map(|_| Allocation::new(random)).collect::<Result<Vec<_>, _>>()?;
        made.iter_mut().try_for_each(Allocation::check)
    };
    work()?;
    thread::spawn(work).join().map_err(|_| "a thread has panicked")??;
    if again { fork(kept, nth, false) } else { Ok(()) }
}
