//! A wait for another thread.

/// Waits for another thread, round by round, for longer each time.
///
/// The first 64 rounds spin. With `std` the next 256 yield to the scheduler, since the thread that is waited for may
/// need this CPU. Later rounds sleep for 50 us each, since that thread has then been taken off its CPU.
///
/// Under loom every round yields, and no further branch is explored after three rounds: two threads that wait for a
/// third could otherwise wake each other for ever.
#[derive(Debug, Default)]
pub struct Backoff {
    rounds: u32,
}

impl Backoff {
    /// Rounds that spin before the first yield; under loom, rounds that are explored.
    #[cfg(all(any(feature = "std", loom), not(shuttle)))]
    const ROUNDS: u32 = if cfg!(loom) { 3 } else { 64 };

    /// The last round that yields: after some 100 us, if no other thread needs the CPU.
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    const YIELDS: u32 = Self::ROUNDS + 256;

    /// Waits for one round.
    pub fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        #[cfg(loom)]
        {
            super::traced::Log::wait();
            // The same state is reached again: further rounds would add interleavings without end.
            if self.rounds > Self::ROUNDS {
                loom::skip_branch();
            }
            loom::thread::yield_now();
        }
        #[cfg(shuttle)]
        {
            // Counts the wait: the scheduler learns from it which operations wait for a stopped thread.
            #[cfg(feature = "std")]
            super::control::Control::wait();
            shuttle::thread::yield_now();
        }
        #[cfg(not(any(loom, shuttle)))]
        {
            #[cfg(feature = "std")]
            if self.rounds > Self::YIELDS {
                return std::thread::sleep(std::time::Duration::from_micros(50));
            } else if self.rounds > Self::ROUNDS {
                return std::thread::yield_now();
            }
            core::hint::spin_loop();
        }
    }
}
