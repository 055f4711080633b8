//! The report of a comparison as text: tables with schemes in rows, at most 100 columns wide.

use std::fmt;

use comfy_table::Table;
use zonelist_contenders::{
    consistency::PublishCost,
    hits::{MEMORY_BYTES, RATES},
    publishes::PublishTimes,
    statistics::{BaselineEstimate, EXACT, EXACT_FIRST, EXACT_PUBLISH, Estimate, groups},
    timing::WALKS,
};
use zonelist_core::publish::Guarantee;
use zonelist_schemes::figures::{percent, ratio};

use super::{
    peer_report::{PeerReport, PeerWalks},
    report::{Counts, RawReads, Report, SchemeReport},
};
use crate::table::{count, plus_minus, table, wrapped};

impl Report {
    fn costs(&self) -> Table {
        let walks = WALKS.map(|zones| if zones == WALKS[0] { format!("walk {zones}") } else { zones.to_string() });
        let columns = ["what a read costs", "first zone", "remembered", "by hand", "dependent"].map(String::from);
        let mut table = table(&[&columns[..], &walks, &["alloc".into()]].concat());
        table.add_row(baseline("raw, in ns".into(), &self.raw.reads, ns(self.raw.alloc_pair.ns)));
        for scheme in &self.schemes {
            let to_hand = scheme.to_hand.map_or_else(String::new, |ratio| {
                cell(&Estimate { ns: 0.0, ratio, interval: scheme.to_hand_interval }, EXACT_FIRST)
            });
            let first = cell(&scheme.first_zone, EXACT_FIRST);
            let remembered = cell(&scheme.first_zone_remembered, EXACT_FIRST);
            let rest = [&scheme.first_zone_dependent].into_iter().chain(scheme.full_walk.values());
            let rest = rest.chain([&scheme.alloc_pair]).map(|figure| cell(figure, EXACT));
            table.add_row([scheme.scheme.to_owned(), first, remembered, to_hand].into_iter().chain(rest));
        }
        for PeerReport { name, raw, own_baseline, first_zone, first_zone_dependent, full_walk, .. } in &self.peers {
            if *own_baseline {
                table.add_row(baseline(format!("raw for {name}, in ns"), raw, String::new()));
            }
            let first = cell(first_zone, EXACT_FIRST);
            let rest = [first_zone_dependent].into_iter().chain(full_walk.values()).map(|figure| cell(figure, EXACT));
            table.add_row([name.to_string(), first, String::new(), String::new()].into_iter().chain(rest));
        }
        table
    }

    /// Which schemes differ in one figure, and which do not.
    fn order(&self, what: &str, figure: fn(&SchemeReport) -> Estimate) -> String {
        let figures = self.schemes.iter().map(|scheme| (scheme.scheme, figure(scheme)));
        let groups: Vec<String> = groups(figures).into_iter().map(|group| group.join(" ~ ")).collect();
        wrapped(&format!("{what}, least first: {}.", groups.join(" < ")))
    }

    /// The figures whose intervals are too wide.
    fn noise(&self) -> Option<String> {
        let noisy = self.schemes.iter().flat_map(|scheme| {
            let [first, remembered] = [("first zone", scheme.first_zone), ("remembered", scheme.first_zone_remembered)];
            let [dependent, alloc] = [("dependent", scheme.first_zone_dependent), ("alloc", scheme.alloc_pair)];
            let walks = scheme.full_walk.iter().map(|(zones, &walk)| (format!("walk {zones}"), walk));
            let others = [dependent, alloc].map(|(name, figure)| (name.to_owned(), figure));
            let exact = walks.chain(others).map(|(name, figure)| (name, figure, EXACT));
            let all = exact.chain([first, remembered].map(|(name, figure)| (name.to_owned(), figure, EXACT_FIRST)));
            let names: Vec<String> =
                all.filter(|(_, figure, exact)| is_noisy(figure, *exact)).map(|(name, ..)| name).collect();
            (!names.is_empty()).then(|| format!("{} ({})", scheme.scheme, names.join(", ")))
        });
        let noisy: Vec<String> = noisy.collect();
        let said = format!(
            "Too noisy for a comparison, marked by '?' in place of '%': {}. More processes or a quieter machine help.",
            noisy.join("; ")
        );
        (!noisy.is_empty()).then(|| wrapped(&said))
    }

    /// The least share of remembered reads of any scheme, by publishes a second.
    fn remembered(&self) -> String {
        let [one, more] = MEMORY_BYTES;
        let least = |rate: u32| {
            let shares = self.schemes.iter().filter_map(|scheme| scheme.remembered_hits.get(&rate));
            let least = shares.copied().min_by(f64::total_cmp)?;
            Some(format!("{:.3} % at {rate}", 100.0 * least))
        };
        let shares: Vec<String> = RATES.into_iter().filter_map(least).collect();
        wrapped(&format!(
            "Remembered reads, at least, by publishes a second: {}. A memory has {one} bytes; in a table by node {more} \
             a node.",
            shares.join(", ")
        ))
    }

    fn consistency(&self) -> Table {
        let columns = ["what walks show", "guarantee", "walks", "missed", "repeated", "empty", "retried", "broken"];
        let mut table = table(&columns);
        let mut add = |name: &str, guarantee: Guarantee, tally: &Counts| {
            let counts = [tally.walks, tally.missed, tally.repeated, tally.empty, tally.reported, tally.violations];
            table.add_row([name.to_owned(), guarantee.to_string()].into_iter().chain(counts.map(count)));
        };
        for SchemeReport { scheme, guarantee, tally, .. } in &self.schemes {
            add(scheme, *guarantee, tally);
        }
        for (name, walks) in self.judged_peers() {
            add(name, Guarantee::Snapshot, &walks.tally);
        }
        table
    }

    fn publishes(&self) -> Table {
        let columns = ["what publishes cost", "alone", "beside reads", "p99", "publishes", "requests", "refused"];
        let mut table = table(&columns);
        let row = |name: &str, times: Option<PublishTimes<BaselineEstimate>>, judged: Option<PublishCost>| {
            let times = times.map(|it| [it.alone, it.beside_reads].map(|time| spread(&time))).unwrap_or_default();
            let p99 = judged.map(|judged| duration(judged.p99_ns)).unwrap_or_default();
            [name.to_owned()].into_iter().chain(times).chain([p99])
        };
        for it in &self.schemes {
            let counts = [it.publishes, it.allocations, it.failed_allocations].map(count);
            table.add_row(row(it.scheme, it.publish_times, it.publish).chain(counts));
        }
        for it in &self.peers {
            let (times, judged) = (it.publish_times, it.judged);
            if times.is_some() || judged.is_some() {
                let row = row(it.name, times, judged.and_then(|walks| walks.publish));
                let publishes = judged.map(|walks| count(walks.publishes)).unwrap_or_default();
                table.add_row(row.chain([publishes, String::new(), String::new()]));
            }
        }
        table
    }

    /// Publishes as ratios to those of peers; `None` if none was timed.
    fn publishes_to_peers(&self) -> Option<Table> {
        let mut table = table(&["what publishes cost", "to those of", "alone", "beside reads"]);
        for scheme in &self.schemes {
            for (peer, ratios) in &scheme.publish_to_peers {
                let ratios = [ratios.alone, ratios.beside_reads].map(|ratio| cell(&ratio, EXACT_PUBLISH));
                table.add_row([scheme.scheme.to_owned(), peer.to_string()].into_iter().chain(ratios));
            }
        }
        (!table.is_empty()).then_some(table)
    }

    fn judged_peers(&self) -> impl Iterator<Item = (&'static str, PeerWalks)> {
        self.peers.iter().filter_map(|peer| Some((peer.name, peer.judged?)))
    }
}

/// The row of a baseline: its times in nanoseconds.
fn baseline(name: String, raw: &RawReads, pair: String) -> Vec<String> {
    let mut row = vec![name, ns(raw.first_zone.ns), String::new(), String::new(), ns(raw.first_zone_dependent.ns)];
    row.extend(raw.full_walk.values().map(|full| ns(full.ns)));
    row.push(pair);
    row
}

/// A ratio with half the width of its interval, in percent of the ratio, up to 99. If it is too wide, a question mark
/// stands in place of the percent sign.
fn cell(figure: &Estimate, exact: f64) -> String {
    let ratio = ratio(figure.ratio);
    let Some(half) = figure.half_width() else { return format!("{ratio}x") };
    let (percent, mark) = percent(half, exact);
    format!("{ratio}{}{percent}{mark}", plus_minus())
}

/// A time with half the width of its interval, in percent of it.
fn spread(time: &BaselineEstimate) -> String {
    let ratio = Estimate { ns: time.ns, ratio: time.ns, interval: time.interval };
    let Some(half) = ratio.half_width() else { return duration(time.ns as u64) };
    let (percent, mark) = percent(half, EXACT_PUBLISH);
    format!("{}{}{percent}{mark}", duration(time.ns.round() as u64), plus_minus())
}

fn is_noisy(figure: &Estimate, exact: f64) -> bool {
    figure.half_width().is_some_and(|half| half > exact)
}

fn ns(value: f64) -> String {
    format!("{value:.2}")
}

fn duration(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

const COSTS: &str = "Each scheme as a multiple of `raw`, a walk of the same array that no protocol protects: the median \
                     of the processes' medians, with half the width of a 95 % interval, which contains the variation \
                     between processes. First zone: a read that the nearest zone serves, as most allocations are; \
                     remembered: the same, if no publish has begun since the reader's last such read; by hand: the \
                     same, as a multiple of code that is hand-written for this one use, without the trait; dependent: \
                     each read depends on the read before it. Walk: all zones of lists of that length. Alloc: a page is \
                     allocated from the handle's per-CPU pages and freed. Below the schemes are outside peers, \
                     each as a multiple of `raw`, or of the baseline in its own language.";

const ORDER: &str = "The intervals of schemes on two sides of '<' do not overlap. Schemes joined by '~' can't be distinguished \
                     from a neighbour.";

const CONSISTENCY: &str = "While one thread publishes without pause, removing a zone from the lists and adding it again. \
                           Missed: a zone that is always listed was not seen; repeated: seen twice; empty: no zone was \
                           seen, though one is always listed; retried: the walk reports that it may be torn; broken: \
                           walks that the guarantee rules out.";

const PUBLISHES: &str = "A publish beside one other thread: alone, while that computes; beside reads, while it reads first \
                         zones without pause. P99: the slowest 1 %, while other threads walk. Requests for a page, at the \
                         same time; refused: those that failed, though a zone that is always listed could have served them.";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, processes, rounds, .. } = self;
        writeln!(
            f,
            "Machine {machine}; processes that timed reads: {processes}; interleaved rounds of each: {rounds}.\n"
        )?;
        writeln!(f, "{}\n{}", self.costs(), wrapped(COSTS))?;
        writeln!(f, "{}", self.remembered())?;
        if self.processes > 1 {
            writeln!(f, "\n{}", self.order("First zone", |scheme| scheme.first_zone))?;
            writeln!(f, "{}", self.order("Alloc", |scheme| scheme.alloc_pair))?;
            writeln!(f, "{}", wrapped(ORDER))?;
        }
        if let Some(noise) = self.noise() {
            writeln!(f, "\n{noise}")?;
        }
        writeln!(f, "\n{}\n{}", self.consistency(), wrapped(CONSISTENCY))?;
        writeln!(f, "\n{}\n{}", self.publishes(), wrapped(PUBLISHES))?;
        self.publishes_to_peers().map_or(Ok(()), |table| writeln!(f, "\n{table}"))
    }
}
