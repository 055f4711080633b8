//! The text of figures: ratios, times, counts.

use zonelist_contenders::statistics::{BaselineEstimate, Estimate};
use zonelist_schemes::figures::{self, percent};
pub use zonelist_schemes::figures::{count, ratio};

/// A ratio with half the width of its interval in percent of it, and a question mark if that is more than `exact`.
#[must_use]
pub fn estimate(figure: &Estimate, exact: f64) -> String {
    let text = ratio(figure.ratio);
    let Some(half) = figure.half_width() else { return text };
    let (percent, mark) = percent(half, exact);
    format!("{text}\u{a0}±\u{a0}{percent}\u{a0}{mark}")
}

/// Nanoseconds with three digits and a unit; a dash for what was not measured.
#[must_use]
pub fn time(ns: Option<u64>) -> String {
    let Some(ns) = ns else { return "–".into() };
    let (value, unit) = figures::time(ns);
    format!("{value}\u{a0}{}", if unit == "us" { "µs" } else { unit })
}

/// A time with half the width of its interval in percent of it, and a question mark if that is more than `exact`.
#[must_use]
pub fn time_estimate(figure: Option<BaselineEstimate>, exact: f64) -> String {
    let Some(BaselineEstimate { ns, interval }) = figure else { return time(None) };
    let text = time(Some(ns.round() as u64));
    let Some(half) = (Estimate { ns, ratio: ns, interval }).half_width() else { return text };
    let (percent, mark) = percent(half, exact);
    format!("{text}\u{a0}±\u{a0}{percent}\u{a0}{mark}")
}

/// A short time with hundredths of a nanosecond.
#[must_use]
pub fn ns(ns: f64) -> String {
    format!("{ns:.2}\u{a0}ns")
}

/// A number of bytes that may not have been measured.
#[must_use]
pub fn bytes(bytes: Option<i64>) -> String {
    bytes.map_or_else(|| "–".into(), figures::bytes)
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
