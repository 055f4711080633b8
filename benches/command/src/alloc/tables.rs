//! The text form of the report: tables with captions.

use std::{collections::BTreeSet, fmt};

use comfy_table::Table;
use zonelist_pools::Workload;

use super::{
    bounds::{BOUNDS, Reference},
    report::{ContenderReport, Report, SizeReport},
};
use crate::table::{table, wrapped};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, target, cpus, sizes } = self;
        writeln!(f, "Medians of {rounds} interleaved rounds; compiled for {target}; {cpus} CPUs.")?;
        for size in sizes {
            writeln!(f, "\n{} GiB, {} frames:", size.gib, size.frames)?;
            size.show(f)?;
        }
        if *cpus < 2 {
            writeln!(f, "Workloads on two threads need two CPUs, and were left out.")?;
        }
        Ok(())
    }
}

/// What the columns of the first table are.
const COSTS: &str = "CPU time as a multiple of the baseline's, and in ns. Baseline: a stack of words that one thread owns, in \
                     (f) the queue alone. (a) One frame is allocated and freed. (b) 64 Ki frames are allocated, then \
                     freed in a random sequence. (c) With half of the frames allocated, one is freed and one \
                     allocated. (d) As (a), of order 9. (e) An allocation or a free of any order, without a baseline. \
                     (f) One thread allocates, another frees.";

/// What the table of order 9 has.
const LEFT: &str = "Blocks of order 9 that could still be allocated after (e), as a share of those that the free frames \
                    could form.";

impl SizeReport {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.costs())?;
        writeln!(f, "{}\n", wrapped(COSTS))?;
        if self.contenders.iter().any(|contender| !contender.to_peer.is_empty()) {
            writeln!(f, "{}", self.to_peers())?;
            writeln!(f, "CPU time as a multiple of that peer's.\n")?;
        }
        if self.contenders.iter().any(|contender| contender.order_9_left.is_some()) {
            writeln!(f, "{}", self.huge_shares())?;
            writeln!(f, "{}\n", wrapped(LEFT))?;
        }
        if self.contenders.iter().any(|contender| !contender.bounds.is_empty()) {
            writeln!(f, "{}", self.bounds())?;
        }
        self.notes(f)
    }

    /// The workloads that ran, by the columns of the tables.
    fn columns(&self) -> Vec<Workload> {
        Workload::ALL.into_iter().filter(|workload| self.workloads.contains(&workload.key())).collect()
    }

    fn costs(&self) -> Table {
        let workloads = self.columns();
        let titles: Vec<String> = workloads.iter().map(|&workload| title(workload)).collect();
        let mut table = table(&["cost"].into_iter().chain(titles.iter().map(String::as_str)).collect::<Vec<_>>());
        let baseline = workloads
            .iter()
            .map(|workload| self.baseline.get(workload.key()).map_or_else(String::new, |cell| ns(cell.ns)));
        table.add_row(["baseline, in ns".to_string()].into_iter().chain(baseline));
        for contender in &self.contenders {
            let cells = workloads.iter().map(|workload| match contender.workloads.get(workload.key()) {
                Some(cost) => cost.ratio.map_or_else(|| ns(cost.ns), |to| format!("{}\n{}", ratio(to), ns(cost.ns))),
                None => String::new(),
            });
            table.add_row([contender.name.to_string()].into_iter().chain(cells));
        }
        table
    }

    fn to_peers(&self) -> Table {
        let columns = self.columns();
        let pairs: Vec<(Workload, &str)> = BOUNDS
            .iter()
            .filter_map(|bound| match bound.reference {
                Reference::Peer(peer) => Some((bound.workload, peer)),
                _ => None,
            })
            .filter(|(workload, peer)| columns.contains(workload) && self.contenders.iter().any(|it| it.name == *peer))
            .collect();
        let header: Vec<String> =
            pairs.iter().map(|&(workload, peer)| format!("{}\nto\n{}", title(workload), short(peer))).collect();
        let mut table = table(&["to a peer"].into_iter().chain(header.iter().map(String::as_str)).collect::<Vec<_>>());
        for contender in &self.contenders {
            let cell = |(workload, peer): &(Workload, &str)| contender.to_peer.get(workload.key())?.get(peer).copied();
            let cells = pairs.iter().map(|pair| cell(pair).map_or_else(String::new, ratio));
            table.add_row([contender.name.to_string()].into_iter().chain(cells));
        }
        table
    }

    fn huge_shares(&self) -> Table {
        let mut table = table(&["order 9 left", "30 % allocated, at random", "only the unmovable of these"]);
        for contender in &self.contenders {
            if let Some(left) = contender.order_9_left {
                table.add_row([contender.name.to_string(), share(left.mixed), share(left.unmovable)]);
            }
        }
        table
    }

    fn bounds(&self) -> Table {
        let mut table = table(&["bounds", "workload", "to", "is", "must", "aim", "reached"]);
        for contender in &self.contenders {
            for bound in &contender.bounds {
                let [figure, must, aim] = [bound.figure, bound.must, bound.aim].map(share);
                let (name, workload) = (contender.name.to_string(), bound.workload.to_string());
                table.add_row([name, workload, bound.to.to_string(), figure, must, aim, bound.verdict.to_string()]);
            }
        }
        table
    }

    /// Notes below the tables: the reasons of empty cells, and refused requests, which make a figure look better.
    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ContenderReport { name, workloads, skipped, .. } in &self.contenders {
            let reasons: BTreeSet<&str> = skipped.values().copied().collect();
            for why in reasons {
                let workloads: Vec<&str> =
                    skipped.iter().filter(|(_, it)| **it == why).map(|(workload, _)| *workload).collect();
                writeln!(f, "{}", wrapped(&format!("{name} skips {}: {why}.", workloads.join(", "))))?;
            }
            for (workload, cost) in workloads.iter().filter(|(_, cost)| cost.refused > 0) {
                writeln!(f, "{name} refused {} requests of {workload}, summed over all rounds.", cost.refused)?;
            }
        }
        Ok(())
    }
}

/// A workload's title on two lines, so that columns stay narrow.
fn title(workload: Workload) -> String {
    workload.title().replacen(' ', "\n", 1)
}

/// A peer's name without the name of its crate.
fn short(peer: &str) -> &str {
    peer.rsplit('/').next().unwrap_or(peer)
}

fn ns(value: f64) -> String {
    if value < 1000.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn ratio(value: f64) -> String {
    match value {
        0.0..10.0 => format!("{value:.2}x"),
        10.0..100.0 => format!("{value:.1}x"),
        _ => format!("{value:.0}x"),
    }
}

fn share(value: f64) -> String {
    format!("{value:.3}")
}
