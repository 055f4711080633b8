//! Instructions of reads and of pairs, of every contender, counted in one run of valgrind; and the file that has them.
//!
//! The example `probe` runs all loops of the [plan](Plan) in one process. Callgrind counts only within `counted`, and
//! writes the count at each call of `count_ends`. So set-up costs no count, and start-up is paid once.
//!
//! ```text
//! first_zone, remembered   a read of lists of eight zones
//! walk_8, walk_64          a walk of all zones of a list
//! hit                      a pair of an allocation and a free, by order: served from the per-CPU pages; for an order
//!                          that they do not keep, from a free block of exactly that order
//! miss                     the same, with empty per-CPU pages and only free blocks of the largest order
//! ```
//!
//! A block of the largest order is never split, so its miss is a hit.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};
use zonelist_core::{NodeId, zone::Order, zonelist::ZonelistsRef};
use zonelist_schemes::{SchemeId, workload::synthetic};

use crate::{
    contender::{ContenderError, PEERS},
    instructions::{CountError, Probe, pairs_of},
};

/// Reads or pairs of one count. The call of [`counted`] and the loop's start add a hundredth of an instruction to each.
const OPERATIONS: usize = 1024;

/// Pairs that miss, each counted by itself.
const MISSES: usize = 8;

/// The contents of the file of counts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The compiler of the counted code, as it names itself.
    pub compiler: String,
    /// By the contender's name.
    pub counts: BTreeMap<String, Counts>,
}

/// Instructions of one contender. A figure that it does not have is absent.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Counts {
    /// A read of the first zone.
    pub first_zone: f64,
    /// The same, remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered: Option<f64>,
    /// A walk of eight zones.
    pub walk_8: f64,
    /// A walk of 64 zones.
    pub walk_64: f64,
    /// A pair that hits, by order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hit: Vec<f64>,
    /// A pair that misses, by order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub miss: Vec<f64>,
}

impl Counts {
    /// The figures with their names.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, f64)> {
        let reads = [("first_zone", Some(self.first_zone)), ("remembered", self.remembered)];
        let walks = [("walk_8", Some(self.walk_8)), ("walk_64", Some(self.walk_64))];
        let named = reads.into_iter().chain(walks).filter_map(|(name, count)| Some((name.to_owned(), count?)));
        let pairs = [("hit", &self.hit), ("miss", &self.miss)].into_iter().flat_map(|(name, counts)| {
            counts.iter().enumerate().map(move |(order, &count)| (format!("{name} of order {order}"), count))
        });
        named.chain(pairs).collect()
    }

    fn set(&mut self, figure: Figure, count: f64) {
        // The loop's own share is below a tenth.
        let count = (count * 10.0).round() / 10.0;
        match figure {
            Figure::FirstZone => self.first_zone = count,
            Figure::Remembered => self.remembered = Some(count),
            Figure::Walk8 => self.walk_8 = count,
            Figure::Walk64 => self.walk_64 = count,
            Figure::Hit(_) => self.hit.push(count),
            Figure::Miss(_) => self.miss.push(count),
        }
    }
}

/// A difference between two counts of one figure.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{contender}: {figure}: {} instructions, {} recorded", of(.counted), of(.recorded))]
pub struct Difference {
    /// The contender.
    pub contender: String,
    /// The figure.
    pub figure: String,
    /// The count now.
    pub counted: Option<f64>,
    /// The count in the file.
    pub recorded: Option<f64>,
}

fn of(count: &Option<f64>) -> String {
    count.map_or_else(|| "no".into(), |count| format!("{count:.1}"))
}

impl Recorded {
    /// The share of a count that is no difference. Valgrind repeats a count exactly, on any machine; but the C library
    /// chooses a copy or a lock by the CPU, and a change elsewhere in a function may save or spill a register.
    pub const SHARE: f64 = 0.02;

    /// The instructions that are no difference, beside [`Recorded::SHARE`]: a valgrind that grants membarrier saves one
    /// fence.
    pub const INSTRUCTIONS: f64 = 1.0;

    /// The figures that differ from those of the file, and those that only one of the two has.
    #[must_use]
    pub fn differences(&self, file: &Self) -> Vec<Difference> {
        let figures = |recorded: &Self| -> BTreeMap<(String, String), f64> {
            let of = |(name, counts): (&String, &Counts)| {
                let name = name.clone();
                counts.figures().into_iter().map(move |(figure, count)| ((name.clone(), figure), count))
            };
            recorded.counts.iter().flat_map(of).collect()
        };
        let (counted, recorded) = (figures(self), figures(file));
        let all: BTreeMap<_, _> = counted.iter().chain(&recorded).collect();
        let differ = all.into_keys().filter(|key| match (counted.get(*key), recorded.get(*key)) {
            (Some(counted), Some(recorded)) => (counted - recorded).abs() > Self::SHARE * recorded + Self::INSTRUCTIONS,
            _ => true,
        });
        let difference = |key: &(String, String)| Difference {
            contender: key.0.clone(),
            figure: key.1.clone(),
            counted: counted.get(key).copied(),
            recorded: recorded.get(key).copied(),
        };
        differ.map(difference).collect()
    }

    /// Counts all figures, with the example `probe` as `program` under valgrind. Valgrind writes to `folder`.
    ///
    /// # Errors
    /// Valgrind is not installed, or fails.
    pub fn count(program: &Path, compiler: String, folder: &Path) -> Result<Self, CountError> {
        let failed = |why: String| CountError::Failed { contender: "all".into(), why };
        let file = folder.join("callgrind.out");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--toggle-collect=zonelist_counted", "--combine-dumps=yes"]);
        valgrind.arg("--dump-before=zonelist_count_ends").arg(format!("--callgrind-out-file={}", file.display()));
        let run = valgrind.arg(program).arg("all").stdin(Stdio::null()).output().map_err(CountError::of_start)?;
        if !run.status.success() {
            return Err(failed(String::from_utf8_lossy(&run.stderr).into_owned()));
        }
        let text = fs::read_to_string(&file).map_err(|error| failed(error.to_string()))?;
        let totals: Vec<f64> = text.lines().filter_map(|line| line.strip_prefix("totals: ")?.parse().ok()).collect();
        let plan = Plan::all();
        let expected = plan.iter().map(|part| part.figure.ends()).sum::<usize>();
        // The last one is that of the end of the process.
        if totals.len() != expected + 1 {
            return Err(failed(format!("{} counts, expected {expected}", totals.len())));
        }
        let (mut counts, mut totals) = (BTreeMap::<String, Counts>::new(), totals.into_iter());
        for Plan { contender, figure } in plan {
            let count = match figure {
                Figure::Miss(_) => {
                    let calls = totals.next().unwrap_or_default();
                    (totals.next().unwrap_or_default() - calls) / MISSES as f64
                }
                _ => totals.next().unwrap_or_default() / OPERATIONS as f64,
            };
            counts.entry(contender.into()).or_default().set(figure, count);
        }
        Ok(Self { compiler, counts })
    }
}

/// A figure of a contender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Figure {
    FirstZone,
    Remembered,
    Walk8,
    Walk64,
    Hit(Order),
    Miss(Order),
}

impl Figure {
    /// Calls of [`count_ends`].
    fn ends(self) -> usize {
        if matches!(self, Self::Miss(_)) { 2 } else { 1 }
    }
}

/// One count.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    contender: &'static str,
    figure: Figure,
}

impl Plan {
    /// All counts, in the sequence in which the example makes them.
    fn all() -> Vec<Self> {
        let schemes = SchemeId::all().into_iter().map(SchemeId::name);
        let reads = [Figure::FirstZone, Figure::Walk8, Figure::Walk64];
        let pairs: Vec<Figure> = Order::ALL.into_iter().flat_map(|of| [Figure::Miss(of), Figure::Hit(of)]).collect();
        let remembered = [Figure::Remembered];
        let mut all = Vec::new();
        let mut add =
            |contender, figures: &[Figure]| all.extend(figures.iter().map(|&figure| Self { contender, figure }));
        add("raw", &[&reads[..], &pairs].concat());
        schemes.for_each(|scheme| add(scheme, &[&reads[..], &remembered, &pairs].concat()));
        PEERS.iter().for_each(|peer| add(peer.name, &reads));
        all
    }

    /// Runs all loops, for valgrind to count.
    ///
    /// # Errors
    /// A contender can't be set up.
    pub fn run() -> Result<(), ContenderError> {
        let (eight, many) = (synthetic(8), synthetic(64));
        for Self { contender, figure } in Self::all() {
            match figure {
                Figure::FirstZone => reads(contender, Probe::FirstZone, eight.lists())?,
                Figure::Remembered => reads(contender, Probe::Remembered, eight.lists())?,
                Figure::Walk8 => reads(contender, Probe::Walk64, eight.lists())?,
                Figure::Walk64 => reads(contender, Probe::Walk64, many.lists())?,
                Figure::Hit(order) => hits(contender, eight.lists(), order)?,
                Figure::Miss(order) => misses(contender, eight.lists(), order)?,
            }
        }
        Ok(())
    }
}

fn reads(contender: &str, probe: Probe, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
    let nodes: Vec<NodeId> = (0..OPERATIONS as u16).filter_map(|i| NodeId::new(i % 2)).collect();
    let Some(contender) = probe.reads(contender, lists) else { return Ok(()) };
    let mut contender = contender?;
    let mut run = || {
        std::hint::black_box(match probe {
            Probe::Walk64 => contender.full(&nodes),
            _ => contender.independent(&nodes),
        });
    };
    // The first read fills what is remembered.
    run();
    counted(&mut run);
    count_ends();
    Ok(())
}

fn hits(contender: &str, lists: ZonelistsRef<'_>, order: Order) -> Result<(), ContenderError> {
    let Some((node, pairs)) = NodeId::new(0).and_then(|node| Some((node, pairs_of(contender, lists, node, order)?)))
    else {
        return Ok(());
    };
    let mut pairs = pairs?;
    // Its buddy is a free block of the order, which frees do not merge.
    pairs.keep(node);
    pairs.pairs(&[node]);
    counted(&mut || assert_eq!(pairs.pairs(&[node; OPERATIONS]) as usize, OPERATIONS));
    count_ends();
    Ok(())
}

fn misses(contender: &str, lists: ZonelistsRef<'_>, order: Order) -> Result<(), ContenderError> {
    let Some((node, pairs)) = NodeId::new(0).and_then(|node| Some((node, pairs_of(contender, lists, node, order)?)))
    else {
        return Ok(());
    };
    let mut pairs = pairs?;
    // The calls alone, which are subtracted.
    for nodes in [&[][..], &[node]] {
        for _ in 0..MISSES {
            pairs.drain();
            counted(&mut || assert_eq!(pairs.pairs(nodes) as usize, nodes.len()));
        }
        count_ends();
    }
    Ok(())
}

/// Runs the code whose instructions callgrind counts.
// SAFETY: no other function of the program has this name.
#[unsafe(export_name = "zonelist_counted")]
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    run();
}

/// Callgrind writes its count at each call.
// SAFETY: no other function of the program has this name.
#[unsafe(export_name = "zonelist_count_ends")]
#[inline(never)]
fn count_ends() {
    // Without an effect, the calls would be removed.
    std::hint::black_box(());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(walk_64: f64) -> Recorded {
        let counts = Counts { first_zone: 16.0, walk_8: 80.0, walk_64, hit: vec![65.0], ..Counts::default() };
        Recorded { compiler: "rustc".into(), counts: [("raw".to_owned(), counts)].into() }
    }

    #[test]
    fn ten_percent_more_in_a_walk_are_a_difference() {
        let file = recorded(533.0);
        let differences = recorded(533.0 * 1.1).differences(&file);
        let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
        assert_eq!(texts, ["raw: walk_64: 586.3 instructions, 533.0 recorded"]);
        assert_eq!(recorded(533.0 * 0.9).differences(&file).len(), 1);
        assert_eq!(recorded(533.0 * 1.02).differences(&file), []);
    }

    #[test]
    fn two_instructions_more_in_a_first_zone_are_a_difference() {
        let (file, mut counted) = (recorded(533.0), recorded(533.0));
        for (more, differs) in [(1.0, false), (2.0, true)] {
            counted.counts.get_mut("raw").unwrap().first_zone = 16.0 + more;
            assert_eq!(!counted.differences(&file).is_empty(), differs, "{more}");
        }
    }

    #[test]
    fn a_figure_of_only_one_side_is_a_difference() {
        let (file, mut counted) = (recorded(533.0), recorded(533.0));
        counted.counts.insert("new".into(), Counts::default());
        assert_eq!(counted.differences(&file).len(), 3);
        counted.counts.clear();
        assert_eq!(counted.differences(&file).len(), 4);
    }
}
