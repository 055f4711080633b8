//! What was done to a recorded machine, done to ours, and compared.
//!
//! Each step of a record becomes an operation on a [`RunningMachine`], once for each scheme, with the
//! page allocator behind it: its frames come and go with the blocks, and a block with a page that
//! can't be moved has one that is really in use, or that boot never gave to the allocator. What comes of it is put into the form of the record,
//! so that a key that the record has is compared as it stands, and one that it lacks is only printed.

mod difference;
mod outcome;
mod pins;
mod show;

use serde::Serialize;
use serde_json::json;
use zonelist_core::{
    Capacity, Request, Rules, Scope, ZoneKind, Zoneref,
    hotplug::{AllocatorFrames, HotplugError, OnlineTo, Operation, RunningMachine, Setting, State},
    publish::{Barrier, Published, Reader},
};
use zonelist_schemes::{Buildable, SEATS, SchemeId, Visitor, allocator::AllocatorError};

use crate::{Golden, Operation as Recorded, ReadError, Step};
use difference::Comparison;
pub use difference::Difference;
pub use outcome::{blocks, outcome};
use pins::{Machine, Never, Pin, Pins, holds_boot_memory};

/// What came of a record's steps on our machine.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Replay {
    /// What the machine is called.
    pub name: String,
    /// As it booted, in the form of a step.
    #[serde(skip)]
    pub boot: Step,
    /// Every step that says what was done, with our outcome.
    pub steps: Vec<Step>,
    /// Where the record has another.
    pub differences: Vec<Difference>,
    /// How many figures, names and states the record has to compare with.
    #[serde(skip)]
    pub compared: usize,
    /// Steps before which a page of the block was taken and pinned, since the record says that there was one, and boot
    /// has taken none there.
    #[serde(skip)]
    pub pinned: usize,
    /// Steps that the record says the same of, to a block that pages of boot keep online.
    #[serde(skip)]
    pub kept_by_boot: usize,
}

/// Several.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub struct Replays(pub Vec<Replay>);

/// A record that can't be replayed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum ReplayError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    SetUp(#[from] AllocatorError),
}

impl Replay {
    /// Does the steps once through each scheme. Steps and lists are the same through all, or that is a difference.
    ///
    /// # Errors
    /// The record makes no machine, or a scheme can't be set up for it.
    pub fn of(golden: &Golden, schemes: &[SchemeId]) -> Result<Self, ReplayError> {
        let name = golden.name.clone().unwrap_or_default();
        let state = golden.state(Rules::LINUX_6_1).map_err(|problem| ReadError { file: name.clone(), problem })?;
        let (boot, mut comparison) = (outcome::boot(golden, &state), Comparison::default());
        comparison.boot(golden, &boot);
        let (mut shown, mut pinned, mut kept_by_boot) = (Vec::new(), 0, 0);
        for (nth, scheme) in schemes.iter().enumerate() {
            let mut run = Run {
                golden,
                state: state.clone(),
                scheme: scheme.name(),
                pinned: 0,
                kept_by_boot: 0,
                differences: Vec::new(),
            };
            let steps = scheme.visit(&mut run)?;
            comparison.differences.append(&mut run.differences);
            if nth == 0 {
                comparison.steps(golden, &steps);
                (shown, pinned, kept_by_boot) = (steps, run.pinned, run.kept_by_boot);
                continue;
            }
            for ((index, ours), (_, first)) in steps.iter().zip(&shown).filter(|(ours, first)| ours != first) {
                let key = format!("outcome through {}, beside {}", scheme.name(), schemes[0].name());
                let [ours, recorded] = [ours, first].map(|step| json!(step));
                comparison.differences.push(Difference { step: Some(*index), key, ours, recorded });
            }
        }
        let shown = shown.into_iter().map(|(_, step)| step).collect();
        let Comparison { differences, compared } = comparison;
        Ok(Self { name, boot, steps: shown, differences, compared, pinned, kept_by_boot })
    }
}

/// One replay, through the scheme that visits.
struct Run<'g> {
    golden: &'g Golden,
    state: State,
    scheme: &'static str,
    pinned: usize,
    kept_by_boot: usize,
    differences: Vec<Difference>,
}

impl Visitor for Run<'_> {
    /// Each step with its place in the record.
    type Output = Result<Vec<(usize, Step)>, AllocatorError>;

    fn capacity(&self) -> Capacity {
        self.state.capacity()
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output {
        let frames = AllocatorFrames::of(Published::new(S::build(self.capacity())), &self.state)?;
        let frames = frames.with_owners(Pins::boxed(Never, 1)).boot(&self.state)?;
        let running: Machine<S, B> = RunningMachine::new(self.state.clone(), frames)?;
        let mut reader = running.frames().allocator().published().reader()?;
        self.judge(None, &running, &mut reader);
        let mut steps = Vec::new();
        for (index, step) in self.golden.steps.iter().enumerate() {
            let before = running.state();
            let Some(operation) = operation_of(step, &before) else { continue };
            let pinned = step.block.filter(|_| step.pinned);
            let kept = pinned.is_some_and(|block| holds_boot_memory(&running, block));
            let pin = pinned.filter(|_| !kept).and_then(|block| Pin::on(&running, block));
            self.pinned += usize::from(pin.is_some());
            self.kept_by_boot += usize::from(kept);
            // Off line, since an operation may publish more than once, and we are the reader that it would wait for.
            let result = reader.offline(|| operation.and_then(|operation| running.apply(&operation)));
            steps.push((index, outcome(step, &before, &running.state(), result)));
            self.judge(Some(index), &running, &mut reader);
        }
        Ok(steps)
    }
}

impl Run<'_> {
    fn judge<S: Buildable, B: Barrier>(
        &mut self,
        step: Option<usize>,
        running: &Machine<S, B>,
        reader: &mut Reader<'_, S, B>,
    ) {
        self.judge_lists(step, running, reader);
        self.judge_zones(step, running);
    }

    /// Compares the allocator's zones with those of the machine's state.
    fn judge_zones<S: Buildable, B: Barrier>(&mut self, step: Option<usize>, running: &Machine<S, B>) {
        let state = running.state();
        for zone in running.frames().allocator().zones() {
            let info = state.zones().find(|info| info.size.zone == zone.id());
            let wanted = info.map_or(0, |info| info.size.managed);
            let marks = info.map(|info| (info.marks.min, info.marks.low, info.marks.high));
            let ours = zone.marks();
            let ours = (zone.managed() as u64, info.map(|_| (ours.min, ours.low, ours.high)));
            if ours != (wanted, marks) {
                let key = format!("zone {} of the allocator under {}", zone.id(), self.scheme);
                self.differences.push(Difference { step, key, ours: json!(ours), recorded: json!((wanted, marks)) });
            }
        }
    }

    /// Compares what a reader walks with the lists of the machine's state.
    fn judge_lists<S: Buildable, B: Barrier>(
        &mut self,
        step: Option<usize>,
        running: &Machine<S, B>,
        reader: &mut Reader<'_, S, B>,
    ) {
        let state = running.state();
        let lists = state.lists();
        for scope in [Scope::Fallback, Scope::ThisNode] {
            let filter =
                running.frames().allocator().published().filter(&Request { scope, ..Request::up_to(ZoneKind::Device) });
            for &node in state.machine().nodes() {
                let walked: Vec<Zoneref> = reader.enter().walk(node, &filter).collect();
                let listed = lists.lists().of(node, scope);
                if walked != listed {
                    let names = |list: &[Zoneref]| list.iter().map(|entry| entry.zone().to_string()).collect();
                    let (walked, listed): (Vec<String>, Vec<String>) = (names(&walked), names(listed));
                    let key = format!("{scope:?} list of node {node} through {}", self.scheme);
                    self.differences.push(Difference { step, key, ours: walked.into(), recorded: listed.into() });
                }
            }
        }
    }
}

/// The operation that a step stands for on a machine in this state; `None` if it is a note.
#[must_use]
pub fn operation_of(step: &Step, state: &State) -> Option<Result<Operation, HotplugError>> {
    // Operands were checked when the record was read.
    Some(match step.operation().ok()? {
        Recorded::Block { block, word } => state.block(block).and_then(|_| write(block, word, step)),
        Recorded::Cpu { cpu, online: true } => Ok(Operation::CpuOnline { cpu }),
        Recorded::Cpu { cpu, online: false } => Ok(Operation::CpuOffline { cpu }),
        Recorded::Sysctl { name, value } => Setting::parse(name, value, state.memory().kinds.len()).map(Operation::Set),
        Recorded::Note => return None,
    })
}

/// A word written to a block's state file.
fn write(block: u64, word: &str, step: &Step) -> Result<Operation, HotplugError> {
    if word == "offline" {
        return Ok(Operation::Offline { block });
    }
    let to = match (word.parse()?, step.zone) {
        (OnlineTo::Auto, Some(kind)) => OnlineTo::Kind(kind.0),
        (to, _) => to,
    };
    Ok(Operation::Online { block, to })
}
