//! The tables of a results file, for the page and for Markdown.

use std::fmt;

use serde::Serialize;
use zonelist_contenders::{
    publishes::PublishTimes,
    statistics::{BaselineEstimate, EXACT, EXACT_FIRST, EXACT_PUBLISH, Estimate, groups},
};

use crate::{
    results::{Fit, Growth, LineCount, Load, Point, Quantiles, Reads, Results, Scheme, Updates, Walks},
    text::{bytes, count, estimate, ns, time, time_estimate},
};

/// A table of text. Displayed as Markdown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table {
    /// The headings.
    pub head: Vec<String>,
    /// The rows, each with a cell for each heading.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    fn add(&mut self, row: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = row.into_iter().collect();
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            writeln!(f, "| {} |", cells.join(" | "))
        };
        line(&self.head)?;
        line(&[vec!["---".to_owned()], vec!["--:".to_owned(); self.head.len().saturating_sub(1)]].concat())?;
        self.rows.iter().try_for_each(|row| line(row))
    }
}

/// What decides between the schemes: costs, guarantee, waits, and where each can be used.
#[must_use]
pub fn decision(results: &Results) -> Table {
    let mut table = Table::new([
        "scheme",
        "first zone",
        "walk of 64",
        "alloc",
        "guarantee",
        "readers",
        "a publish",
        "heap",
        "without std",
        "signal handlers",
    ]);
    for scheme in &results.compare.schemes {
        let fact = |name: &str| results.card(&scheme.scheme).map_or("–", |card| card.text(name)).to_owned();
        let walk = scheme.full_walk.get(&64).map_or_else(String::new, |walk| estimate(walk, EXACT));
        let costs = [estimate(&scheme.first_zone, EXACT_FIRST), walk, estimate(&scheme.alloc_pair, EXACT)];
        let facts = ["readers", "writer", "allocates", "no_std", "interrupt_safe"].map(fact);
        table.add([scheme.scheme.clone()].into_iter().chain(costs).chain([scheme.guarantee.clone()]).chain(facts));
    }
    table
}

/// The costs of reads.
#[must_use]
pub fn costs(results: &Results) -> Table {
    let compare = &results.compare;
    let walks = compare.raw.full_walk.keys().map(|zones| format!("walk {zones}"));
    let head = ["", "first zone", "remembered", "by hand", "dependent"].map(String::from);
    let mut table = Table::new(head.into_iter().chain(walks).chain(["alloc".into()]));
    let raw = |estimate: &BaselineEstimate| ns(estimate.ns);
    let baseline = &compare.raw;
    let rest = baseline.full_walk.values().map(raw).chain([baseline.alloc_pair.as_ref().map_or_else(String::new, raw)]);
    let first = [code("raw"), raw(&baseline.first_zone), String::new(), String::new()];
    table.add(first.into_iter().chain([raw(&baseline.first_zone_dependent)]).chain(rest));
    for scheme in &compare.schemes {
        let first = [&scheme.first_zone, &scheme.first_zone_remembered].map(|figure| estimate(figure, EXACT_FIRST));
        let to_hand = scheme.to_hand().map_or_else(String::new, |figure| estimate(&figure, EXACT_FIRST));
        let rest = [&scheme.first_zone_dependent].into_iter().chain(scheme.full_walk.values());
        let rest = rest.chain([&scheme.alloc_pair]).map(|figure| estimate(figure, EXACT));
        table.add([code(&scheme.scheme)].into_iter().chain(first).chain([to_hand]).chain(rest));
    }
    for peer in &compare.peers {
        let rest = [&peer.first_zone_dependent].into_iter().chain(peer.full_walk.values());
        let rest = rest.map(|figure| estimate(figure, EXACT));
        let first = [peer.name.clone(), estimate(&peer.first_zone, EXACT_FIRST), String::new(), String::new()];
        table.add(first.into_iter().chain(rest));
    }
    table
}

/// The verdicts on walks.
#[must_use]
pub fn walks(results: &Results) -> Table {
    let mut table = Table::new(["", "guarantee", "walks", "missed", "repeated", "empty", "retried", "broken"]);
    for (name, guarantee, it) in rows(results) {
        let counts = [it.walks, it.missed, it.repeated, it.empty, it.reported, it.violations].map(count);
        table.add([name, guarantee].into_iter().chain(counts));
    }
    table
}

/// The cost of publishes, and wrongly refused requests.
#[must_use]
pub fn publishes(results: &Results) -> Table {
    let mut table = Table::new(["", "alone", "beside reads", "p99", "publishes", "requests", "refused"]);
    let mut add = |name: String, times: Option<PublishTimes<BaselineEstimate>>, walks: &Walks, requests: &[u64]| {
        let times = [times.map(|it| it.alone), times.map(|it| it.beside_reads)];
        let times = times.map(|figure| time_estimate(figure, EXACT_PUBLISH));
        let p99 = time(walks.publish.map(|it| it.p99_ns));
        let counts = [walks.publishes].iter().chain(requests).map(|&number| count(number)).collect::<Vec<_>>();
        table.add([name].into_iter().chain(times).chain([p99]).chain(counts));
    };
    for it in &results.compare.schemes {
        add(code(&it.scheme), it.publish_times, &it.walks, &[it.allocations, it.failed_allocations]);
    }
    for it in &results.compare.peers {
        if let Some(walks) = &it.walks {
            add(it.name.clone(), it.publish_times, walks, &[]);
        }
    }
    table
}

/// Publishes as ratios to those of peers. `None` if none was timed.
#[must_use]
pub fn publishes_to_peers(results: &Results) -> Option<Table> {
    let mut table = Table::new(["", "to those of", "alone", "beside reads"]);
    for scheme in &results.compare.schemes {
        for (peer, ratios) in &scheme.publish_to_peers {
            let ratios = [ratios.alone, ratios.beside_reads].map(|ratio| estimate(&ratio, EXACT_PUBLISH));
            table.add([code(&scheme.scheme), peer.clone()].into_iter().chain(ratios));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// All rows with walks: name, guarantee, counts.
fn rows(results: &Results) -> Vec<(String, String, &Walks)> {
    let schemes = results.compare.schemes.iter();
    let schemes = schemes.map(|it| (code(&it.scheme), it.guarantee.clone(), &it.walks));
    let peers = results.compare.peers.iter();
    let peers = peers.filter_map(|it| Some((it.name.clone(), "Snapshot".into(), it.walks.as_ref()?)));
    schemes.chain(peers).collect()
}

/// Which schemes differ in a figure: `a ~ b < c`, least first. `None` of one process.
#[must_use]
pub fn sequence(results: &Results, figure: fn(&Scheme) -> Estimate) -> Option<String> {
    let figures = results.compare.schemes.iter().map(|scheme| (scheme.scheme.as_str(), figure(scheme)));
    let groups: Vec<String> = groups(figures).into_iter().map(|group| group.join(" ~ ")).collect();
    (results.compare.processes > 1).then(|| groups.join(" < "))
}

/// Reads at a rate of publishes: `0`, `10`, `1000` or `unpaced`.
#[must_use]
pub fn reads_under_load(load: &Load, rate: &str) -> Table {
    let head = ["", "read", "p50", "p99", "p99.9", "p99.99", "max", "slow/1M", "time"];
    let mut table = Table::new(head);
    let mut add = |name: String, reads: Option<&Reads>| {
        let Some(reads) = reads else { return };
        let Quantiles { p50_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns, .. } = reads.single;
        let mean = reads.read_ns.map_or_else(|| "–".into(), |mean| format!("{mean:.1}\u{a0}ns"));
        let slow = reads.slow_ppm.map_or_else(|| "–".into(), |slow| count(slow.round() as u64));
        let share = reads.slow_time_share.map_or_else(|| "–".into(), |share| format!("{:.1}\u{a0}%", 100.0 * share));
        let times = [p50_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns].map(time);
        table.add([name, mean].into_iter().chain(times).chain([slow, share]));
    };
    add("no read at all".into(), load.noise.reads.get(rate));
    load.schemes.iter().for_each(|it| add(code(&it.scheme), it.reads.get(rate)));
    load.peers.iter().for_each(|it| add(it.name.clone().unwrap_or_default(), it.reads.get(rate)));
    table
}

/// Publishes at 1000 a second and without pause.
#[must_use]
pub fn publishes_under_load(load: &Load) -> Table {
    let mut table = Table::new(["", "1000 a second: p50", "p99", "max", "unpaced: a second", "p50", "p99"]);
    let mut add = |name: String, paced: Option<&Updates>, unpaced: Option<&Updates>| {
        let times = |it: Option<&Updates>| it.map(|it| it.times).unwrap_or_default();
        let (paced, most) = (times(paced), times(unpaced));
        let reached = unpaced.and_then(|it| it.a_second).map_or_else(|| "–".into(), |it| count(it.round() as u64));
        let cells = [time(paced.p50_ns), time(paced.p99_ns), time(paced.max_ns), reached, time(most.p50_ns)];
        table.add([name].into_iter().chain(cells).chain([time(most.p99_ns)]));
    };
    for it in &load.schemes {
        add(code(&it.scheme), it.publishes.get("1000"), it.publishes.get("unpaced"));
    }
    for it in &load.peers {
        add(it.name.clone().unwrap_or_default(), it.publishes.get("1000"), it.publishes.get("unpaced"));
    }
    table
}

/// What a stalled reader costs others.
#[must_use]
pub fn stalled(load: &Load) -> Table {
    let mut table =
        Table::new(["", "publishes that returned", "longest publish", "slowest read of others", "bytes kept"]);
    for it in &load.schemes {
        let stalled = &it.stalled;
        let times = [stalled.publish_max_ns, stalled.reads.single.max_ns].map(time);
        let returned = format!("{} of {}", stalled.returned, stalled.due);
        let cells = [code(&it.scheme), returned].into_iter().chain(times);
        table.add(cells.chain([bytes(stalled.bytes_kept)]));
    }
    table
}

/// A name as it is in the code.
fn code(name: &str) -> String {
    format!("`{name}`")
}

/// The fitted exponents of growth: of times, and of counts of cache lines that more than one thread writes.
#[must_use]
pub fn growth(growth: &Growth) -> Table {
    let mut table = Table::new(["", "cost", "from", "to", "exponent"]);
    let mut add = |name: &str, cost: String, ends: [Option<String>; 2], fit: Option<Fit>| {
        let exponent = fit.and_then(exponent).unwrap_or_else(|| "–".into());
        table.add([code(name), cost].into_iter().chain(ends.map(Option::unwrap_or_default)).chain([exponent]));
    };
    for (axis, contenders) in &growth.times {
        for it in contenders {
            let end = |point: Option<&Point>| point.map(|point| format!("{} at {}", ns(point.ns), count(point.number)));
            add(&it.name, axis.replace('_', " "), [it.points.first(), it.points.last()].map(end), it.fit);
        }
    }
    for it in &growth.lines {
        for (axis, counts) in &it.axes {
            let end = |point: Option<&LineCount>| {
                point.map(|point| {
                    let lines = if point.lines == 1 { "line" } else { "lines" };
                    format!("{} {lines} at {}", count(point.lines), count(point.number))
                })
            };
            let ends = [counts.points.first(), counts.points.last()].map(end);
            add(&it.name, format!("{}, shared cache lines", axis.replace('_', " ")), ends, counts.fit);
        }
    }
    table
}

/// The exponent of a fit; `None` where the cost falls, which no power of the number describes.
fn exponent(fit: Fit) -> Option<String> {
    let grows = fit.exponent > -0.005;
    grows.then(|| format!("{:.2}", fit.exponent.max(0.0)))
}

/// The cost of a read of the first zone on two machines, as multiples of an unprotected one.
#[must_use]
pub fn first_zones(here: &Results, other: &Results) -> Table {
    let cpu = |results: &Results| results.conditions.cpu.clone().unwrap_or_else(|| "another CPU".into());
    let mut table = Table::new(["".into(), cpu(here), cpu(other)]);
    table.add([code("raw")].into_iter().chain([here, other].map(|it| ns(it.compare.raw.first_zone.ns))));
    for (name, figure) in first_zones_of(here) {
        let others = first_zones_of(other).into_iter().find(|(other, _)| *other == name);
        let others = others.map_or_else(|| "–".into(), |(_, figure)| estimate(&figure, EXACT_FIRST));
        table.add([name, estimate(&figure, EXACT_FIRST), others]);
    }
    table
}

/// The reads of the first zone of all contenders, by their names in tables.
#[must_use]
pub fn first_zones_of(results: &Results) -> Vec<(String, Estimate)> {
    let schemes = results.compare.schemes.iter().map(|it| (code(&it.scheme), it.first_zone));
    schemes.chain(results.compare.peers.iter().map(|it| (it.name.clone(), it.first_zone))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_falls_has_no_exponent() {
        let fit = |power| exponent(Fit { exponent: power, half_width: None, r_squared: 1.0 });
        assert_eq!([0.894, 0.0, -0.002].map(fit), ["0.89", "0.00", "0.00"].map(|text| Some(text.into())));
        assert_eq!([-0.03, -0.3].map(fit), [None, None]);
    }
}
