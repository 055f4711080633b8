//! How far a command is, for whoever watches it.

use std::{
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many steps, with room for a message. Draws nothing where stderr is no terminal.
#[must_use]
pub fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Waits until so much time is over, or there is nothing more to find out. Tells `tick` now and then how much of it is.
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
