//! Tables of the text reports.

use comfy_table::{CellAlignment, LineStyle, Table, presets::UTF8_HORIZONTAL_ONLY};

/// An empty table with this header. All columns but the first are aligned to the right.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// An empty table with this header, with narrow columns and without lines between its rows.
#[must_use]
pub fn dense(header: &[&str]) -> Table {
    let mut table = table(header);
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    // The style has a space between columns, too.
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    table
}

/// A number with commas: 12345678 as 12,345,678.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}
