//! The run of a replay: the recorded operations, applied to a running machine once for each scheme.

use serde_json::json;
use zonelist_core::{
    Request, ZoneKind, Zoneref,
    hotplug::{AllocatorProvider, RunningMachine, State},
    publish::{Platform, Published, Reader, ReaderSlots},
    sync::Spin,
    table::Capacity,
    topology::Rules,
    zonelist::Scope,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor, allocator::AllocatorError};

use super::{
    difference::{Comparison, Difference},
    operation::operation_of,
    outcome::{boot_steps, outcome},
    pins::{NeverMoves, PinnedPage, PinnedPages, ReplayedMachine, holds_boot_memory},
    report::{Replay, ReplayError},
};
use crate::{
    computed::boot::boot,
    error::ReadError,
    record::{MachineRecord, Step},
    release::LinuxRules,
};

impl Replay {
    /// Applies the steps once through each scheme. Outcomes and lists that depend on the scheme are differences, too.
    ///
    /// [`LinuxRules::of_kernel`] has the rules that the record's own kernel follows.
    ///
    /// # Errors
    /// The record lacks what hotplug needs ([`MachineRecord::state`]), or a scheme can't be set up for it.
    pub fn of(record: &MachineRecord, schemes: &[SchemeId], rules: LinuxRules) -> Result<Self, ReplayError> {
        let name = record.file().name.clone().unwrap_or_default();
        let in_file = |problem| ReadError { file: name.clone(), problem };
        let state = record.state(rules.rules).map_err(in_file)?;
        let builds = record.boot_builds(rules.rules).map_err(in_file)?;
        let (boot, boot_steps) = (boot(&builds, &state), boot_steps(&builds, &state));
        let mut comparison = Comparison::default();
        comparison.boot(record.file(), boot_steps.first().unwrap_or(&Step::default()), &boot);
        let (mut shown, mut pinned, mut kept_by_boot) = (Vec::new(), 0, 0);
        for (nth, scheme) in schemes.iter().enumerate() {
            let mut run = Run {
                record,
                rules: rules.rules,
                state: state.clone(),
                scheme: scheme.name(),
                pinned: 0,
                kept_by_boot: 0,
                differences: Vec::new(),
            };
            let steps = scheme.visit(&mut run);
            let steps = steps.map_err(|error| ReplayError::SetUp { machine: name.clone(), error })?;
            comparison.differences.append(&mut run.differences);
            // Outcomes of the first scheme are compared with the record; those of the others with the first.
            if nth == 0 {
                comparison.steps(record, &steps);
                (shown, pinned, kept_by_boot) = (steps, run.pinned, run.kept_by_boot);
                continue;
            }
            for ((index, ours), (_, first)) in steps.iter().zip(&shown).filter(|(ours, first)| ours != first) {
                let key = format!("outcome through {}, compared with {}", scheme.name(), schemes[0].name());
                let [ours, recorded] = [ours, first].map(|step| json!(step));
                comparison.differences.push(Difference { step: Some(*index), key, ours, recorded });
            }
        }
        let shown = shown.into_iter().map(|(_, step)| step).collect();
        let Comparison { differences, compared } = comparison;
        Ok(Self {
            name,
            rules,
            assumed: None,
            boot,
            boot_steps,
            steps: shown,
            differences,
            compared,
            pinned,
            kept_by_boot,
        })
    }
}

/// One replay, through the scheme that visits.
struct Run<'r> {
    record: &'r MachineRecord,
    rules: Rules,
    state: State,
    scheme: &'static str,
    pinned: usize,
    kept_by_boot: usize,
    differences: Vec<Difference>,
}

impl Visitor for Run<'_> {
    /// Each step with its index in the record.
    type Output = Result<Vec<(usize, Step)>, AllocatorError>;

    fn capacity(&self) -> Capacity {
        self.state.capacity()
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let frames = AllocatorProvider::new(
            Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(zonelist_schemes::READERS)),
            &self.state,
        )?;
        let frames = frames.with_migration_source(PinnedPages::boxed(NeverMoves, 1)).boot(&self.state)?;
        let running: ReplayedMachine<S, P> = RunningMachine::new(self.state.clone(), frames)?;
        let mut reader = running.provider().allocator().published().reader()?;
        self.compare(None, &running, &mut reader);
        let mut steps = Vec::new();
        for (index, (step, recorded)) in self.record.steps().enumerate() {
            let before = running.state();
            let Some(operation) = operation_of(recorded, &before, self.rules) else { continue };
            let pinned = step.block.filter(|_| step.pinned);
            let kept = pinned.is_some_and(|block| holds_boot_memory(&running, block));
            let pin = pinned.filter(|_| !kept).and_then(|block| PinnedPage::allocate(&running, block));
            self.pinned += usize::from(pin.is_some());
            self.kept_by_boot += usize::from(kept);
            // Offline, since an operation may publish more than once, and this thread's reader is the one that each
            // publish waits for.
            let result = reader.offline(|| operation.and_then(|operation| running.apply(&operation)));
            steps.push((index, outcome(step, &before, &running.state(), result)));
            self.compare(Some(index), &running, &mut reader);
        }
        Ok(steps)
    }
}

impl Run<'_> {
    fn compare<S: Buildable, P: Platform<Lock = Spin>>(
        &mut self,
        step: Option<usize>,
        running: &ReplayedMachine<S, P>,
        reader: &mut Reader<'_, S, P>,
    ) {
        self.compare_lists(step, running, reader);
        self.compare_zones(step, running);
    }

    /// Compares managed pages and watermarks of the allocator's zones with the machine's state.
    fn compare_zones<S: Buildable, P: Platform<Lock = Spin>>(
        &mut self,
        step: Option<usize>,
        running: &ReplayedMachine<S, P>,
    ) {
        let state = running.state();
        for zone in running.provider().allocator().zones() {
            let info = state.zones().find(|info| info.size.zone == zone.id());
            let wanted = info.map_or(0, |info| info.size.managed);
            let watermarks = info.map(|info| (info.watermarks.min, info.watermarks.low, info.watermarks.high));
            let ours = zone.watermarks();
            let ours = (zone.managed() as u64, info.map(|_| (ours.min, ours.low, ours.high)));
            if ours != (wanted, watermarks) {
                let key = format!("zone {} of the allocator under {}", zone.id(), self.scheme);
                self.differences.push(Difference {
                    step,
                    key,
                    ours: json!(ours),
                    recorded: json!((wanted, watermarks)),
                });
            }
        }
    }

    /// Compares the walks of a reader with the lists of the machine's state.
    fn compare_lists<S: Buildable, P: Platform<Lock = Spin>>(
        &mut self,
        step: Option<usize>,
        running: &ReplayedMachine<S, P>,
        reader: &mut Reader<'_, S, P>,
    ) {
        let state = running.state();
        let lists = state.lists();
        for scope in [Scope::Fallback, Scope::ThisNode] {
            let filter = running
                .provider()
                .allocator()
                .published()
                .filter(&Request { scope, ..Request::up_to(ZoneKind::Device) });
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
