//! The progress of a command on stderr.

use std::{
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar of this many steps, with an estimate of the time left and a message. Draws nothing if stderr is no terminal.
#[must_use]
pub fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {eta:>4} left  {msg}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Moves a bar that counts milliseconds by the time since the start of a part, from where it is now.
pub fn ticks(bar: &ProgressBar) -> impl FnMut(Duration) + use<'_> {
    let before = bar.position();
    move |over| bar.set_position(before + over.as_millis() as u64)
}

/// Waits until the time is over or `done` returns true. Calls `tick` every 20 ms with the time since the start.
pub fn wait(time: Duration, tick: &mut dyn FnMut(Duration), done: impl Fn() -> bool) {
    let begin = Instant::now();
    loop {
        let over = begin.elapsed();
        tick(over.min(time));
        if over >= time || done() {
            return;
        }
        thread::sleep((time - over).min(Duration::from_millis(20)));
    }
}
