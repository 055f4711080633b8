//! The text of a replay: each step, and the lists after it.

use std::fmt;

use super::report::{Replay, Replays};
use crate::{
    record::{Step, ZoneRecord},
    text::one_line,
};

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", one_line(&self.name))?;
        let mut shown = None;
        // A step without a rebuild keeps the rows of the step before it.
        let mut rows = None;
        for step in self.boot_steps.iter().chain(&self.steps) {
            rows = step.fallback_order.as_ref().and_then(Option::as_ref).or(rows);
            let zones = step.zones.as_deref().unwrap_or_default();
            let lists: Vec<String> = rows.into_iter().flat_map(|rows| &rows.0).map(|row| list(row, zones)).collect();
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
        if let Some(note) = &self.assumed {
            writeln!(f, "  note: {note}")?;
        }
        writeln!(f, "  {}", verdict(self.steps.len(), self.differences.len(), self.compared))
    }
}

impl fmt::Display for Replays {
    /// Prints all differences, and the sums; steps are printed only for a single machine.
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

/// The operation with its operands, and its result.
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

/// The fallback list of a node: the zones of each node of its row, the highest kind first.
fn list((node, row): (&u32, &Vec<u32>), zones: &[ZoneRecord]) -> String {
    let of = |node: &u32| {
        let node = *node;
        let mut kinds: Vec<_> = zones.iter().filter(|zone| zone.node == node).map(|zone| zone.kind).collect();
        kinds.sort_unstable();
        kinds.into_iter().rev().map(move |kind| format!(" {node}/{}", kind.0))
    };
    format!("node {node}:{}", row.iter().flat_map(of).collect::<String>())
}
