//! The report as tables.

use std::{collections::BTreeSet, fmt};

use comfy_table::Table;
use zonelist_pools::Trial;

use super::{
    Against, BOUNDS,
    report::{ContenderReport, Report, SizeReport},
};
use crate::compare::table;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, target, cpus, sizes } = self;
        writeln!(f, "Medians of {rounds} interleaved rounds; compiled for {target}; {cpus} CPUs.")?;
        for size in sizes {
            writeln!(f, "\n{} GiB, {} frames:", size.gib, size.frames)?;
            size.show(f)?;
        }
        if *cpus < 2 {
            writeln!(f, "Trials on two threads need two CPUs, and were left out.")?;
        }
        Ok(())
    }
}

impl SizeReport {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.costs())?;
        writeln!(
            f,
            "CPU time as a multiple of the floor's, and in ns: a thread's own stack of words, in (f) the queue \
             alone.\n(a) a frame is allocated and freed; (b) 64 Ki frames are allocated, then freed in random order; \
             (c) with half of\nthe frames taken one is freed and one allocated; (d) as (a), of order 9; (e) an \
             allocation or a free of any order,\nwithout a floor; (f) one thread allocates, another frees.\n"
        )?;
        if self.contenders.iter().any(|contender| !contender.to_peer.is_empty()) {
            writeln!(f, "{}", self.to_peers())?;
            writeln!(f, "CPU time as a multiple of that peer's.\n")?;
        }
        if self.contenders.iter().any(|contender| contender.order_9_left.is_some()) {
            writeln!(f, "{}", self.left())?;
            writeln!(
                f,
                "Blocks of order 9 that could still be allocated after (e), of as many as the free frames could be.\n"
            )?;
        }
        if self.contenders.iter().any(|contender| !contender.bounds.is_empty()) {
            writeln!(f, "{}", self.bounds())?;
        }
        self.notes(f)
    }

    /// The trials that were run, as the tables have them.
    fn run(&self) -> Vec<Trial> {
        Trial::ALL.into_iter().filter(|trial| self.trials.contains(&trial.key())).collect()
    }

    fn costs(&self) -> Table {
        let trials = self.run();
        let titles: Vec<String> = trials.iter().map(|&trial| title(trial)).collect();
        let mut table = table(&["cost"].into_iter().chain(titles.iter().map(String::as_str)).collect::<Vec<_>>());
        let floor = trials.iter().map(|trial| self.floor.get(trial.key()).map_or_else(String::new, |cell| ns(cell.ns)));
        table.add_row(["floor, in ns".to_string()].into_iter().chain(floor));
        for contender in &self.contenders {
            let cells = trials.iter().map(|trial| match contender.trials.get(trial.key()) {
                Some(cost) => cost.ratio.map_or_else(|| ns(cost.ns), |to| format!("{}\n{}", ratio(to), ns(cost.ns))),
                None => String::new(),
            });
            table.add_row([contender.name.to_string()].into_iter().chain(cells));
        }
        table
    }

    fn to_peers(&self) -> Table {
        let run = self.run();
        let pairs: Vec<(Trial, &str)> = BOUNDS
            .iter()
            .filter_map(|bound| match bound.against {
                Against::Peer(peer) => Some((bound.trial, peer)),
                _ => None,
            })
            .filter(|(trial, peer)| run.contains(trial) && self.contenders.iter().any(|it| it.name == *peer))
            .collect();
        let header: Vec<String> =
            pairs.iter().map(|&(trial, peer)| format!("{}\nto {}", title(trial), short(peer))).collect();
        let mut table = table(&["to a peer"].into_iter().chain(header.iter().map(String::as_str)).collect::<Vec<_>>());
        for contender in &self.contenders {
            let cell = |(trial, peer): &(Trial, &str)| contender.to_peer.get(trial.key())?.get(peer).copied();
            let cells = pairs.iter().map(|pair| cell(pair).map_or_else(String::new, ratio));
            table.add_row([contender.name.to_string()].into_iter().chain(cells));
        }
        table
    }

    fn left(&self) -> Table {
        let mut table = table(&["order 9 left", "30 % taken, at random", "only the unmovable of them"]);
        for contender in &self.contenders {
            if let Some(left) = contender.order_9_left {
                table.add_row([contender.name.to_string(), share(left.mixed), share(left.unmovable)]);
            }
        }
        table
    }

    fn bounds(&self) -> Table {
        let mut table = table(&["bounds", "trial", "to", "is", "must", "aim", "reached"]);
        for contender in &self.contenders {
            for bound in &contender.bounds {
                let [figure, must, aim] = [bound.figure, bound.must, bound.aim].map(share);
                let (name, trial) = (contender.name.to_string(), bound.trial.to_string());
                table.add_row([name, trial, bound.to.clone(), figure, must, aim, bound.verdict.to_string()]);
            }
        }
        table
    }

    /// Why cells are empty, and where a figure is less than it seems.
    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ContenderReport { name, trials, skipped, .. } in &self.contenders {
            let reasons: BTreeSet<&str> = skipped.values().copied().collect();
            for why in reasons {
                let trials: Vec<&str> = skipped.iter().filter(|(_, it)| **it == why).map(|(trial, _)| *trial).collect();
                writeln!(f, "{name} takes no part in {}: {why}.", trials.join(", "))?;
            }
            for (trial, cost) in trials.iter().filter(|(_, cost)| cost.refused > 0) {
                writeln!(f, "{name} refused {} requests of {trial}, in all rounds together.", cost.refused)?;
            }
        }
        Ok(())
    }
}

/// A trial's title in two lines, to keep columns narrow.
fn title(trial: Trial) -> String {
    trial.title().replacen(' ', "\n", 1)
}

/// A peer's name without that of its crate, where it has both.
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
