//! Text from files and arguments, made safe for one line of output.

/// Escapes control characters, so that quoted input can't break a line or move the cursor.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
