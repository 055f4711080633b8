//! How far a command is, for whoever watches it.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many steps, with room for a message. Draws nothing where stderr is no terminal.
#[must_use]
pub fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
