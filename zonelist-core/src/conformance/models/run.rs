//! One interleaving of a scenario, and the results that are kept of all interleavings.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, format,
    panic::{AssertUnwindSafe, catch_unwind},
    println,
    string::{String, ToString},
    sync::{Arc, Mutex, MutexGuard},
    vec::Vec,
};

use super::{
    Bound, Explored, Reader, Scenario, Timeline, WalkPlan, ZONES, Zone, diagnose, explore::explore_within, locked,
    node, publish,
};
use crate::{
    Zonelists, Zoneref,
    conformance::{History, Published as Record, Span, Tally, Verdict, Walked},
    publish::{
        Facts, FirstZone, Guarantee, Platform, Progress, Published, Reader as Handle, Scheme, Walk,
        explore_registrations, explore_stamps,
    },
    sync::traced::{Log, membarrier},
};

/// The result of an exploration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// How far the scenario was explored.
    pub explored: Explored,
    /// The verdicts on all walks of all interleavings.
    pub tally: Tally,
}

/// Explores a scenario, and fails with the reason if a walk or a wait breaks the facts.
pub(super) fn all<S, P>(scenario: Scenario, make: impl Fn() -> Published<S, P> + Sync + Send + 'static) -> Found
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    let (make, scenario) = (Arc::new(make), Arc::new(scenario));
    let bound = scenario.bound.asked(scenario.short);
    let (explored, gathered) = gathered(&scenario, &make, bound);
    if gathered.broken.is_some() {
        let holds = || {
            let again = catch_unwind(AssertUnwindSafe(|| self::gathered(&scenario, &make, bound).1.broken.is_none()));
            again.unwrap_or(false)
        };
        gathered.report_failure(&scenario, holds);
    }
    gathered.report(&scenario, explored);
    Found { explored, tally: gathered.tally }
}

/// Runs the interleavings of a scenario within a bound, and collects the results.
fn gathered<S, P>(
    scenario: &Arc<Scenario>,
    make: &Arc<impl Fn() -> Published<S, P> + Sync + Send + 'static>,
    bound: Bound,
) -> (Explored, Gathered)
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    let (explored, gathered) = explore_within(&scenario.name, bound, || {
        let gathered = Arc::new(Mutex::new(Gathered::default()));
        let model = {
            let (scenario, make, gathered) = (Arc::clone(scenario), Arc::clone(make), Arc::clone(&gathered));
            move || {
                let scenario = Arc::clone(&scenario);
                let mut walks = scenario.readers.iter().flat_map(|reader| &reader.walks);
                explore_stamps(walks.any(|plan| plan.remembered));
                explore_registrations(scenario.readers.iter().any(|reader| reader.comes_and_goes));
                let run = Arc::new(Run { scenario, published: make(), records: Mutex::default() });
                run.all();
                assert!(run.published.is_clear(), "a publish has left a request at a reader's slot");
                locked(&gathered).add(&run.records(), run.scenario.publishers.len(), &S::FACTS);
            }
        };
        let shape = shape(scenario);
        (gathered, Arc::new(model), move |gathered: &Arc<Mutex<Gathered>>| {
            format!("{shape}; {}", locked(gathered).tally)
        })
    });
    let gathered = core::mem::take(&mut *locked(&gathered));
    (explored, gathered)
}

/// The size of a scenario: threads, zones, publishes and walks.
fn shape(Scenario { before, publishers, readers, .. }: &Scenario) -> String {
    let lists = before.iter().chain(publishers.iter().flatten());
    let zones = lists.map(Vec::len).max().unwrap_or(0);
    let (threads, publishes) = (publishers.len() + readers.len(), publishers.iter().map(Vec::len).sum::<usize>());
    let walks = readers.iter().map(|reader| reader.walks.len()).sum::<usize>();
    format!("{threads} threads, up to {zones} zones, {publishes} publishes, {walks} walks")
}

/// The stamp of all that runs at once. Version `i` of those before has the stamp `i`.
const AT_ONCE: Span = Span { begin: 1000, end: 1000 };

/// One interleaving.
struct Run<S, P> {
    scenario: Arc<Scenario>,
    published: Published<S, P>,
    records: Mutex<Records>,
}

#[derive(Default, Debug)]
struct Records {
    publishes: Vec<Record<Zonelists>>,
    walks: Vec<WalkRecord>,
    /// The number of waits of readers, and of publishers.
    waits: (u32, u32),
}

#[derive(Debug)]
struct WalkRecord {
    plan: WalkPlan,
    seen: Vec<Zoneref>,
    /// True if the walk went to the end of its list.
    full: bool,
    /// True if the walk reported that it may be torn.
    may_be_torn: bool,
    /// True if the reader remembered what it shows.
    recalled: bool,
    /// The reader that walked.
    reader: usize,
    /// The number of steps of the execution up to the end of the walk.
    steps: usize,
}

impl<S: Scheme + Send + 'static, P: Platform> Run<S, P> {
    fn records(&self) -> MutexGuard<'_, Records> {
        locked(&self.records)
    }

    /// Publishes the versions before, and then runs all threads.
    fn all(self: &Arc<Self>) {
        Log::call("reader");
        for (i, list) in (0..).zip(&self.scenario.before) {
            self.publish(list, Span { begin: i, end: i });
        }
        Log::from_here();
        if let Some(list) = self.scenario.before.last() {
            Log::say(format!("V{} is {}", self.scenario.before.len(), Named(list)));
        }
        // The first reader runs on the model's own thread: loom has room for few threads.
        let others = (0..self.scenario.publishers.len()).map(|i| {
            let run = Arc::clone(self);
            loom::thread::spawn(move || {
                Log::call("publisher");
                run.scenario.publishers[i].iter().for_each(|list| run.publish(list, AT_ONCE));
                run.records().waits.1 += Log::waits(Log::actor());
            })
        });
        let mut threads: Vec<_> = others.collect();
        threads.extend((1..self.scenario.readers.len()).map(|i| {
            let run = Arc::clone(self);
            loom::thread::spawn(move || {
                Log::call(&format!("reader {}", i + 1));
                run.read(i);
            })
        }));
        if !self.scenario.readers.is_empty() {
            self.read(0);
        }
        for thread in threads {
            membarrier::join(thread);
        }
    }

    /// Publishes a list, and records it.
    fn publish(&self, list: &[Zone], span: Span) {
        Log::say(format!("publishes {}", Named(list)));
        let (version, lists) = publish(&self.published, list);
        Log::say(format!("has published {version}"));
        self.records().publishes.push(Record { version, span, lists });
    }

    /// Does all walks of a reader, and records its waits.
    fn read(&self, number: usize) {
        let Reader { walks, comes_and_goes } = &self.scenario.readers[number];
        if *comes_and_goes {
            walks.iter().for_each(|plan| self.walk(number, &[*plan]));
        } else {
            self.walk(number, walks);
        }
        self.records().waits.0 += Log::waits(Log::actor());
    }

    /// Registers a reader, does these walks, and records them.
    fn walk(&self, number: usize, plans: &[WalkPlan]) {
        let filters: Vec<S::Filter> = plans.iter().map(|plan| self.published.filter(&plan.request)).collect();
        let mut reader = self.published.reader().expect("a reader slot");
        let memory = plans.iter().zip(&filters).find(|(plan, _)| plan.remembered);
        let mut memory = memory.map(|(_, filter)| self.published.first_zone(node(), filter));
        for (plan, filter) in plans.iter().zip(&filters) {
            if let Some(memory) = memory.as_mut().filter(|_| plan.remembered) {
                let record = Self::read_by_memory(number, *plan, &mut reader, memory);
                self.records().walks.push(record);
                continue;
            }
            Log::say(format!("walks, up to {}", plan.request.highest));
            let guard = reader.enter();
            let mut walk = guard.walk(node(), filter);
            let enough = plan.leave_after.unwrap_or(usize::MAX);
            let mut seen: Vec<Zoneref> = walk.by_ref().take(plan.resumed_after.unwrap_or(enough)).collect();
            if plan.resumed_after.is_some() {
                // The clone is the scan that finds no page; the cursor stays where it is.
                Log::say("keeps its cursor, and scans the rest");
                let scanned = walk.clone().count();
                assert!(scanned <= ZONES, "a scan of {scanned} zonerefs, longer than any list");
                Log::say("scans again, from its cursor");
                seen.extend(walk.by_ref());
            }
            assert!(seen.len() <= ZONES, "a walk of {} zonerefs, longer than any list", seen.len());
            let full = seen.len() < enough;
            let may_be_torn = walk.must_retry();
            let report = if may_be_torn { ", and reports that it may be torn" } else { "" };
            Log::say(format!("saw {}{report}", Named(&seen)));
            let steps = Log::read(|log| log.events.len());
            drop(walk);
            drop(guard);
            reader.quiescent();
            let record = WalkRecord { plan: *plan, seen, full, may_be_torn, recalled: false, reader: number, steps };
            self.records().walks.push(record);
        }
    }

    /// Reads the first zone by a memory of it.
    fn read_by_memory(
        number: usize,
        plan: WalkPlan,
        reader: &mut Handle<'_, S, P>,
        memory: &mut FirstZone<'_, S, P>,
    ) -> WalkRecord {
        Log::say(format!("reads the first zone, up to {}", plan.request.highest));
        let recalled = memory.recall();
        let zone = recalled.or_else(|| reader.first(memory));
        let how = if recalled.is_some() { "remembers" } else { "saw" };
        let seen: Vec<Zoneref> = zone.into_iter().collect();
        Log::say(format!("{how} {}", Named(&seen)));
        let steps = Log::read(|log| log.events.len());
        reader.quiescent();
        // What a new walk showed may be torn, and does not say so.
        let may_be_torn = recalled.is_none() && S::FACTS.guarantee == Guarantee::Detected;
        let (full, recalled) = (seen.is_empty(), recalled.is_some());
        WalkRecord { plan, seen, full, may_be_torn, recalled, reader: number, steps }
    }
}

/// Zones in brackets.
pub(super) struct Named<'z, Z>(pub(super) &'z [Z]);

impl core::fmt::Display for Named<'_, Zone> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let zonerefs: Vec<Zoneref> = self.0.iter().copied().map(super::zoneref).collect();
        Named(&zonerefs).fmt(f)
    }
}

impl core::fmt::Display for Named<'_, Zoneref> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let zones: Vec<String> = self.0.iter().map(|entry| entry.zone().to_string()).collect();
        write!(f, "[{}]", zones.join(", "))
    }
}

/// The first remembered read of a version before one that its reader had seen. For the versions of one publisher.
fn goes_back(records: &Records) -> Option<(&WalkRecord, String)> {
    let mut newest: BTreeMap<usize, usize> = BTreeMap::new();
    for walk in &records.walks {
        let WalkRecord { plan, seen, full, recalled, reader, .. } = walk;
        let newest = newest.entry(*reader).or_default();
        let shows = |lists: &Zonelists| {
            let list =
                lists.lists().of(node(), plan.request.scope).iter().filter(|zone| plan.request.admits(zone.zone()));
            let mut rest = list.copied();
            seen.iter().all(|&zone| rest.next() == Some(zone)) && !(*full && rest.next().is_some())
        };
        // The oldest version that it can be. A walk that is of no version, or of an older one, may be torn.
        let at = (*newest..records.publishes.len()).find(|&version| shows(&records.publishes[version].lists));
        match at {
            Some(at) => *newest = at,
            None if *recalled => {
                return Some((
                    walk,
                    format!("a remembered read of {} is of a version before the reader's last", Named(seen)),
                ));
            }
            None => (),
        }
    }
    None
}

/// The results of all interleavings.
#[derive(Default)]
struct Gathered {
    tally: Tally,
    /// The different lists that walks showed, as words.
    shown: BTreeSet<Vec<u32>>,
    /// The shortest timeline of each kind.
    shortest: BTreeMap<&'static str, Option<Timeline>>,
    /// The failure with the shortest timeline, if the scenario fails.
    broken: Option<String>,
    /// The verdict on the walk of that failure; `None` if the failure is a wait.
    verdict: Option<Verdict>,
}

impl Gathered {
    /// Judges the walks and waits of one interleaving.
    fn add(&mut self, records: &Records, publishers: usize, facts: &Facts) {
        let history = History::new(records.publishes.clone()).expect("every version once");
        for walk in &records.walks {
            let WalkRecord { plan, seen, full, may_be_torn, recalled, steps, .. } = walk;
            // What is remembered is the first zone of some version, whatever walks guarantee.
            let guarantee = if *recalled { Guarantee::Snapshot } else { facts.guarantee };
            let walked = Walked { node: node(), request: &plan.request, span: AT_ONCE, seen, full: *full };
            let verdict = history.judge(&walked);
            self.tally.count(verdict, *may_be_torn, guarantee);
            self.tally.remembered += u64::from(*recalled);
            self.shown.insert(seen.iter().map(|entry| entry.word()).collect());
            let words = verdict.words().join(", ");
            for kind in verdict.words() {
                let _ = self.keep(kind, &format!("A walk is torn: {words}."), Some(*steps));
            }
            // A new walk by a memory only may be torn.
            let excused = *may_be_torn && plan.remembered;
            if !excused && !verdict.is_within(guarantee, *may_be_torn) {
                let what = if verdict.torn { &words } else { "reports that it may be torn, and is whole" };
                let how = if *recalled { "a remembered read" } else { "a walk" };
                let why = format!("{how} of {} breaks {guarantee}: {what}", Named(seen));
                self.fail(why, Some(*steps), Some(verdict));
            }
        }
        if publishers <= 1
            && let Some((walk, why)) = goes_back(records)
        {
            self.fail(why, Some(walk.steps), None);
        }
        for (thread, progress, waits) in
            [("reader", facts.readers, records.waits.0), ("publisher", facts.writer, records.waits.1)]
        {
            // Two publishers wait for the writer lock, which is not the scheme's.
            let lock = thread == "publisher" && publishers > 1;
            if progress != Progress::Blocking && waits > 0 && !lock {
                self.fail(format!("a {thread} waits, and is said to be {progress}"), None, None);
            }
        }
    }

    /// Keeps the timeline up to a step if it is the shortest of its kind. True if it is kept.
    fn keep(&mut self, kind: &'static str, verdict: &str, steps: Option<usize>) -> bool {
        Timeline::keep_shortest(self.shortest.entry(kind).or_default(), verdict, steps)
    }

    /// Records a failure, and lets the exploration go on in search of a shorter timeline. With a mutant it panics at
    /// once, since only the failure matters then.
    fn fail(&mut self, why: String, steps: Option<usize>, verdict: Option<Verdict>) {
        assert!(env::var_os("ZONELIST_MUTANT").is_none(), "{why}");
        if self.keep("broken", &why, steps) {
            (self.broken, self.verdict) = (Some(why), verdict);
        }
    }

    /// Writes the shortest timeline of each kind.
    fn write(&self, name: &str) {
        let shortest = self.shortest.iter().filter_map(|(kind, timeline)| Some((kind, timeline.as_ref()?)));
        for (kind, timeline) in shortest {
            match timeline.write(kind) {
                Ok(path) => println!("timeline of {name}, {kind}: {}", path.display()),
                Err(error) => println!("no timeline of {name}, {kind}: {error}"),
            }
        }
    }

    /// Panics with the failure, its reason and its timeline.
    fn report_failure(&self, Scenario { name, .. }: &Scenario, holds: impl Fn() -> bool) -> ! {
        self.write(name);
        let timeline = self.shortest.get("broken").and_then(Option::as_ref);
        let why = diagnose::why(holds, self.verdict, timeline);
        let (broken, timeline) = (self.broken.as_deref().unwrap_or_default(), timeline.map(ToString::to_string));
        panic!("model {name}: {broken}\n{why}\n\n{}", timeline.unwrap_or_default());
    }

    /// Writes the timelines of a scenario that holds, and fails if the exploration showed too little.
    fn report(&self, scenario: &Scenario, explored: Explored) {
        let name = &scenario.name;
        self.write(name);
        // The short set may have to stop at one preemption, and then a walk need not meet a publish.
        let few = !explored.complete || explored.preemptions == Some(1) && Bound::is_short_asked();
        assert!(scenario.uniform || few || self.shown.len() > 1, "model {name}: all walks showed the same");
    }
}
