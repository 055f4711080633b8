//! Tables and paragraphs of the text reports.

use std::io::{IsTerminal as _, stdout};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
pub use zonelist_schemes::figures::count;

/// Columns of a paragraph.
pub const WIDTH: usize = 100;

/// An empty table with this header. All columns but the first are aligned to the right. Plain ASCII if stdout is no
/// terminal.
#[must_use]
pub fn table<T: AsRef<str>>(header: &[T]) -> Table {
    let mut table = Table::new();
    let line = |of: char| LineStyle::none().fill(of).junction(of);
    let [thin, thick] = if stdout().is_terminal() { ['─', '═'] } else { ['-', '='] }.map(line);
    let style = TableStyle::new().top_border(thin).header_separator(thick).bottom_border(thin);
    table.load_style(style).set_header(header.iter().map(AsRef::as_ref));
    for (number, column) in table.column_iter_mut().enumerate() {
        // The style has a space between columns, too.
        column.set_padding((0, 0));
        if number > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The sign before half the width of an interval: plain ASCII if stdout is no terminal.
#[must_use]
pub fn plus_minus() -> &'static str {
    if stdout().is_terminal() { "±" } else { "+-" }
}

/// The text in lines of at most 100 columns.
#[must_use]
pub fn wrapped(text: &str) -> String {
    indented("", "", text)
}

/// The text in lines of at most 100 columns: the first one begins with `first`, all others with `rest`.
#[must_use]
pub fn indented(first: &str, rest: &str, text: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut is_begun = false;
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| !is_begun || line.chars().count() + 1 + word.chars().count() <= WIDTH) {
            Some(line) => {
                line.push_str(if is_begun { " " } else { "" });
                line.push_str(word);
            }
            None => lines.push(format!("{rest}{word}")),
        }
        is_begun = true;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_item_is_indented() {
        let text = indented("- ", "  ", &"one two three ".repeat(30));
        assert!(text.starts_with("- one two") && text.lines().skip(1).all(|line| line.starts_with("  ")), "{text}");
        assert!(text.lines().count() > 3 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }

    #[test]
    fn a_paragraph_keeps_its_words_and_the_width() {
        let text = "one two three ".repeat(30);
        let lines = wrapped(&text);
        assert!(lines.lines().count() > 3 && lines.lines().all(|line| line.len() <= WIDTH), "{lines}");
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
    }
}
