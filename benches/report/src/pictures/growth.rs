//! Costs against sizes: for each size that grows a row for each contender, from the least number to the greatest.

use super::{
    Picture, PictureError, Waits,
    ranges::{Ranges, Strip, picture},
};
use crate::results::{Growth, Results};

/// One picture for each cost that was timed.
pub(super) fn pictures(results: &Results, growth: &Growth) -> Result<Vec<Picture>, PictureError> {
    let pictures = growth.times.iter().map(|(axis, contenders)| {
        let mut numbers: Vec<u64> = contenders.iter().flat_map(|it| &it.points).map(|point| point.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let ends = [numbers.first().copied(), numbers.get(numbers.len() / 2).copied(), numbers.last().copied()];
        let rows = contenders.iter().map(|it| {
            let at = |number| it.points.iter().find(|point| Some(point.number) == number).map(|point| point.ns);
            Strip {
                name: it.name.clone(),
                waits: results.card(&it.name).map(Waits::of),
                times_ns: ends.map(at).into(),
                label: it.fit.map(|fit| format!("n^{:.2}", fit.exponent)),
            }
        });
        let (cost, size) = axis.split_once("_by_").unwrap_or((axis, "number"));
        let times = ends.map(|number| format!("{} {size}", number.unwrap_or(0))).into();
        let title = format!("{}, by {size}", capitalized(&cost.replace('_', " ")));
        picture(&format!("growth-{}", axis.replace('_', "-")), NOTE, Ranges { title, times, rows: rows.collect() })
    });
    pictures.collect()
}

const NOTE: &str = "On the right is the power of the number that fits the times best: n^0 does not grow, n^1 grows as the \
                    number does.";

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
