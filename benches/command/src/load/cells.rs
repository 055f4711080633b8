//! Cells and paragraphs of the text report.

use zonelist_schemes::figures;

use super::report::SlowReads;
use crate::table::{count, wrapped};

/// A time that may not have been measured, with three digits.
pub(super) fn time(ns: Option<u64>) -> String {
    let Some((value, unit)) = ns.map(figures::time) else { return dash() };
    format!("{value} {unit}")
}

/// A mean time that may not have been measured, with tenths of a nanosecond if it is short.
pub(super) fn mean(ns: Option<f64>) -> String {
    match ns {
        Some(ns) if ns < 99.95 => format!("{ns:.1} ns"),
        ns => time(ns.map(|ns| ns.round() as u64)),
    }
}

/// Slow reads in a million.
pub(super) fn in_a_million(slow: SlowReads) -> String {
    count(slow.slow_ppm.round() as u64)
}

/// The share of time of slow reads.
pub(super) fn of_time(slow: SlowReads) -> String {
    format!("{:.1} %", 100.0 * slow.slow_time_share)
}

/// A number of bytes that may not have been measured.
pub(super) fn bytes(bytes: Option<i64>) -> String {
    bytes.map_or_else(dash, figures::bytes)
}

/// The cell of what was not measured.
pub(super) fn dash() -> String {
    "-".into()
}

/// A paragraph: the text in short lines, and an empty line.
pub(super) fn paragraph(text: &str) -> String {
    wrapped(text) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let ns = [0, 999, 1_000, 9_994, 9_996, 99_960, 999_499, 999_500, 12_345_678, 999_500_000];
        let expected =
            ["0 ns", "999 ns", "1.00 us", "9.99 us", "10.0 us", "100 us", "999 us", "1.00 ms", "12.3 ms", "1.00 s"];
        assert_eq!(ns.map(|ns| time(Some(ns))), expected);
        assert_eq!([Some(1.84), Some(99.96), None].map(mean), ["1.8 ns", "100 ns", "-"]);
        assert_eq!([Some(-1_234), Some(0), None].map(bytes), ["-1,234", "0", "-"]);
    }
}
