//! The text of figures: ratios, times, counts.

use zonelist_contenders::statistics::Estimate;

/// A ratio with three digits: `1.25`, `12.5`.
#[must_use]
pub fn ratio(ratio: f64) -> String {
    if ratio < 9.995 { format!("{ratio:.2}") } else { format!("{ratio:.1}") }
}

/// A ratio with half the width of its interval in percent of it. If that is more than `exact`, a question mark stands in
/// place of the percent sign.
#[must_use]
pub fn estimate(figure: &Estimate, exact: f64) -> String {
    let text = ratio(figure.ratio);
    match figure.half_width() {
        Some(half) => {
            let mark = if half > exact { '?' } else { '%' };
            format!("{text}\u{a0}±\u{a0}{:.0}\u{a0}{mark}", (100.0 * half).ceil().min(99.0))
        }
        None => text,
    }
}

/// Nanoseconds with three digits and a unit; a dash for what was not measured.
#[must_use]
pub fn time(ns: Option<u64>) -> String {
    let Some(ns) = ns else { return "–".into() };
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns}\u{a0}ns"),
        1_000..999_500 => (ns as f64 / 1e3, "µs"),
        999_500..999_500_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$}\u{a0}{unit}")
}

/// A short time with hundredths of a nanosecond.
#[must_use]
pub fn ns(ns: f64) -> String {
    format!("{ns:.2}\u{a0}ns")
}

/// A number with commas: 12345678 as 12,345,678.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// A number of bytes that may not have been measured.
#[must_use]
pub fn bytes(bytes: Option<i64>) -> String {
    bytes.map_or_else(
        || "–".into(),
        |bytes| format!("{}{}", if bytes < 0 { "-" } else { "" }, count(bytes.unsigned_abs())),
    )
}

/// The items in one sentence: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_exactness() {
        let figure = |ratio: f64, half: f64| Estimate { ns: 1.0, ratio, interval: Some([ratio - half, ratio + half]) };
        assert_eq!(estimate(&figure(2.0, 0.03), 0.03), "2.00 ± 2 %".replace(' ', "\u{a0}"));
        assert_eq!(estimate(&figure(20.0, 30.0), 0.03), "20.0 ± 99 ?".replace(' ', "\u{a0}"));
        assert_eq!(estimate(&Estimate { ns: 1.0, ratio: 2.0, interval: None }, 0.03), "2.00");
        let times = [Some(999), Some(9_994), Some(99_960), Some(999_500), Some(999_500_000), None].map(time);
        assert_eq!(
            times.map(|it| it.replace('\u{a0}', " ")),
            ["999 ns", "9.99 µs", "100 µs", "1.00 ms", "1.00 s", "–"]
        );
        assert_eq!([Some(-1_234), None].map(bytes), ["-1,234", "–"]);
    }

    #[test]
    fn items_make_a_sentence() {
        let items: Vec<String> = ["a", "b", "c"].map(String::from).into();
        assert_eq!([0, 1, 2, 3].map(|n| listed(&items[..n])), ["", "a", "a and b", "a, b and c"]);
    }
}
