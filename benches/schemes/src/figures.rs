//! The text of measured figures, for terminals and for pages: ratios, times, counts. What differs between the two are the
//! space before a unit, the letter of microseconds, and the sign of what was not measured.

/// A ratio with three digits: `1.25`, `12.5`.
#[must_use]
pub fn ratio(ratio: f64) -> String {
    if ratio < 9.995 { format!("{ratio:.2}") } else { format!("{ratio:.1}") }
}

/// Half the width of an interval, a share of its figure, in percent up to 99, and the sign behind it. If it is more than
/// `exact`, that is a question mark.
#[must_use]
pub fn percent(half: f64, exact: f64) -> (String, char) {
    (format!("{:.0}", (100.0 * half).ceil().min(99.0)), if half > exact { '?' } else { '%' })
}

/// Nanoseconds with three digits, and the unit in ASCII.
#[must_use]
pub fn time(ns: u64) -> (String, &'static str) {
    let (value, unit) = match ns {
        0..1_000 => return (ns.to_string(), "ns"),
        1_000..999_500 => (ns as f64 / 1e3, "us"),
        999_500..999_500_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    (format!("{value:.decimals$}"), unit)
}

/// A number with commas: 12345678 as 12,345,678.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// A number of bytes with commas, and its sign.
#[must_use]
pub fn bytes(bytes: i64) -> String {
    format!("{}{}", if bytes < 0 { "-" } else { "" }, count(bytes.unsigned_abs()))
}
