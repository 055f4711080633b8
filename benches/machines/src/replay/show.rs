//! A replay as people read it: each step, and the lists that it left.

use std::fmt;

use super::{Replay, Replays};
use crate::{Step, Zone, one_line};

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", one_line(&self.name))?;
        let mut shown = None;
        let mut order = None;
        for step in [&self.boot].into_iter().chain(&self.steps) {
            order = step.fallback_order.as_ref().and_then(Option::as_ref).or(order);
            let zones = step.zones.as_deref().unwrap_or_default();
            let lists: Vec<String> = order.into_iter().flat_map(|order| &order.0).map(|row| list(row, zones)).collect();
            writeln!(f, "  {}", heading(step))?;
            if shown.as_ref() == Some(&lists) {
                continue;
            }
            lists.iter().try_for_each(|list| writeln!(f, "      {list}"))?;
            shown = Some(lists);
        }
        for difference in &self.differences {
            let place = difference.step.map_or("boot".into(), |step| format!("steps[{step}]"));
            let (key, ours, recorded) = difference.narrowed();
            writeln!(f, "  difference: {place}.{key}: {ours}; recorded {recorded}")?;
        }
        writeln!(f, "  {}", verdict(self.steps.len(), self.differences.len(), self.compared))
    }
}

impl fmt::Display for Replays {
    /// All differences, and the sum; the steps are in each machine's own replay.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut steps, mut differences, mut compared) = (0, 0, 0);
        for replay in &self.0 {
            if !replay.differences.is_empty() {
                replay.fmt(f)?;
            }
            steps += replay.steps.len();
            differences += replay.differences.len();
            compared += replay.compared;
        }
        writeln!(f, "{} machines, {}", self.0.len(), verdict(steps, differences, compared))
    }
}

fn verdict(steps: usize, differences: usize, compared: usize) -> String {
    match compared {
        0 => format!("{steps} steps; the record has no outcomes to compare with"),
        _ => format!("{steps} steps, {differences} differences to {compared} recorded values"),
    }
}

/// What was done, and what was answered.
fn heading(step: &Step) -> String {
    let mut words = vec![step.op.clone()];
    words.extend(step.block.map(|block| format!("block {block}")));
    words.extend(step.cpu.map(|cpu| format!("CPU {cpu}")));
    words.extend(step.name.iter().chain(&step.value).cloned());
    let words = one_line(&words.join(" "));
    match &step.result {
        Some(result) => format!("{words}: {result}"),
        None => words,
    }
}

/// The fallback list of a node: the zones of each node of its row, highest kind first.
fn list((node, row): (&u32, &Vec<u32>), zones: &[Zone]) -> String {
    let of = |node: &u32| {
        let node = *node;
        let mut kinds: Vec<_> = zones.iter().filter(|zone| zone.node == node).map(|zone| zone.kind).collect();
        kinds.sort_unstable();
        kinds.into_iter().rev().map(move |kind| format!(" {node}/{}", kind.0))
    };
    format!("node {node}:{}", row.iter().flat_map(of).collect::<String>())
}
