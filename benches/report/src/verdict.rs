//! Which scheme to take for an allocator, by the figures and facts of a results file.

use crate::{
    results::{Card, Results, Scheme, publish_ns},
    text::{count, listed, ratio, time},
};

/// A scheme with its facts.
type Entry<'r> = (&'r Scheme, &'r Card);

/// The verdict, one sentence each. Empty if no scheme of the file suits an allocator.
#[must_use]
pub fn verdict(results: &Results) -> Vec<String> {
    let entries: Vec<Entry<'_>> = results
        .compare
        .schemes
        .iter()
        .filter_map(|scheme| Some((scheme, results.card(&scheme.scheme)?)))
        .filter(|(_, card)| card.text("allocates") == "never" && card.has("below_allocator"))
        .collect();
    let waits = |(_, card): &Entry<'_>, side| card.text(side) == "blocking";
    let no_wait = cheapest(&entries, |it| it.0.guarantee != "Racy" && !waits(it, "readers") && !waits(it, "writer"));
    let whole = cheapest(&entries, |it| it.0.guarantee == "Snapshot" && !waits(it, "readers"));
    let racy = cheapest(&entries, |it| it.0.guarantee == "Racy" && !waits(it, "readers"));
    let mut sentences = Vec::new();
    if let [first, ..] = no_wait[..] {
        sentences.push(format!(
            "For an allocator in which neither readers nor publishes may wait, take {}: {}, and {}.",
            names(&no_wait),
            first_zones(&no_wait),
            publish(first.0)
        ));
    }
    if let [first, ..] = whole[..] {
        let cost = if waits(&first, "writer") {
            "and a publish waits for the walks under way"
        } else {
            "and no publish waits"
        };
        sentences.push(format!(
            "If each walk must be exactly one version's list, take {}: {}, {cost} ({}).",
            names(&whole),
            first_zones(&whole),
            publish(first.0)
        ));
    }
    if let [(scheme, _), ..] = racy[..] {
        let refused = match scheme.failed_allocations {
            0 => "none".into(),
            failed => count(failed),
        };
        sentences.push(format!(
            "{} reads at {} times, but a walk may miss a zone without notice: {refused} of {} requests were refused in \
             this run, though a listed zone had free pages.",
            scheme.scheme,
            ratio(scheme.first_zone.ratio),
            count(scheme.allocations)
        ));
    }
    sentences.extend(allocations(results));
    sentences
}

/// The entries that pass, least cost of a first zone first: the cheapest, and those that can't be distinguished from it.
fn cheapest<'r>(entries: &[Entry<'r>], passes: impl Fn(&Entry<'r>) -> bool) -> Vec<Entry<'r>> {
    let mut passed: Vec<Entry<'r>> = entries.iter().filter(|it| passes(it)).copied().collect();
    passed.sort_by(|one, other| one.0.first_zone.ratio.total_cmp(&other.0.first_zone.ratio));
    let Some(least) = passed.first().map(|it| it.0.first_zone) else { return passed };
    let is_least = |it: &Entry<'r>| it.0.first_zone == least || !it.0.first_zone.differs_from(&least);
    // Without intervals nothing is distinguished, so that the cheapest alone is named.
    let is_one_process = least.interval.is_none();
    passed.retain(|it| if is_one_process { it.0.first_zone == least } else { is_least(it) });
    passed
}

fn names(entries: &[Entry<'_>]) -> String {
    entries.iter().map(|it| it.0.scheme.as_str()).collect::<Vec<_>>().join(" or ")
}

fn first_zones(entries: &[Entry<'_>]) -> String {
    let ratios: Vec<String> = entries.iter().map(|it| ratio(it.0.first_zone.ratio)).collect();
    format!("a read of the first zone costs {} times an unprotected one", listed(&ratios))
}

fn publish(scheme: &Scheme) -> String {
    match publish_ns(scheme.publish_times, Some(&scheme.walks)) {
        Some(ns) => format!("a publish beside a thread that reads takes {}", time(Some(ns))),
        None => "publishes were not timed".into(),
    }
}

/// What the choice changes in the page allocator.
fn allocations(results: &Results) -> Option<String> {
    let ratios = || results.compare.schemes.iter().map(|scheme| scheme.alloc_pair.ratio);
    let [least, most] = [ratios().min_by(f64::total_cmp)?, ratios().max_by(f64::total_cmp)?];
    Some(format!(
        "In the page allocator, most requests read no list: a page is allocated from the per-CPU pages and freed at {} to {} \
         times the cost over an unprotected list, depending on the scheme.",
        ratio(least),
        ratio(most)
    ))
}
