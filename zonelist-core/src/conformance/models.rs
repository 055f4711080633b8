//! Loom models of a scheme's real code: every interleaving of publishes and walks, judged.
//!
//! Exists under `--cfg loom` only. A [`Scenario`] says who does what; [`Scenario::explore`] runs it
//! in every way that threads and the memory model allow, and fails on the first walk that the
//! scheme's guarantee rules out. [`killed`] shows that it would: it runs a model again with a
//! deliberate fault in the scheme and expects it to fail.
//!
//! Nothing here adds ordering between the threads of a model: records are kept in plain std cells,
//! which loom does not see, and whatever runs at the same time is stamped as unordered.

use std::{
    collections::BTreeSet,
    env, println,
    process::Command,
    string::{String, ToString},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    vec::Vec,
};

mod races;
pub use races::{ROOM, Races, Refused, explore_races, explore_refusals};

use super::{History, Published as Record, Span, Tally, Walked};
use crate::{
    NodeId, Request, Row, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{Barrier, Published, Reclaim, Scheme, Walk},
};

/// A zone of a model's lists, by kind and node.
pub type Zone = (ZoneKind, u16);

/// The node whose lists models publish and walk.
pub const NODE: u16 = 0;

/// Zones of the longest list that a model's table needs room for.
pub const ZONES: usize = 4;

/// One walk of a reader.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    request: Request,
    /// Left after that many zonerefs.
    leave_after: Option<usize>,
    /// After that many zonerefs, whatever comes behind is looked at twice, and only the second time counts.
    resumed_after: Option<usize>,
}

/// A walk to the end, of everything up to a kind.
#[must_use]
pub const fn full(highest: ZoneKind) -> Plan {
    Plan { request: Request::up_to(highest), leave_after: None, resumed_after: None }
}

/// A walk that is left after so many zonerefs.
#[must_use]
pub const fn first(zonerefs: usize, highest: ZoneKind) -> Plan {
    Plan { leave_after: Some(zonerefs), ..full(highest) }
}

/// A walk that keeps its place after so many zonerefs, looks at all behind it in vain, and once more from there: as
/// an allocation does that has reclaimed something meanwhile.
#[must_use]
pub const fn resumed(zonerefs: usize, highest: ZoneKind) -> Plan {
    Plan { resumed_after: Some(zonerefs), ..full(highest) }
}

/// Who does what: some versions before anybody starts, then publishers and readers at once.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    name: String,
    before: Vec<Vec<Zone>>,
    publishers: Vec<Vec<Vec<Zone>>>,
    readers: Vec<Vec<Plan>>,
    preemptions: Option<usize>,
    uniform: bool,
}

/// What an exploration found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explored {
    /// Interleavings run.
    pub interleavings: u64,
    /// All walks of all of them.
    pub tally: Tally,
}

impl Scenario {
    /// A scenario of that name, still without anybody in it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Publishes a list before anybody starts.
    #[must_use]
    pub fn before(mut self, list: &[Zone]) -> Self {
        self.before.push(list.to_vec());
        self
    }

    /// Adds a thread that publishes these lists, one after another.
    #[must_use]
    pub fn publisher(mut self, lists: &[&[Zone]]) -> Self {
        self.publishers.push(lists.iter().map(|list| list.to_vec()).collect());
        self
    }

    /// Adds a reader that does these walks, one after another, each under a guard of its own.
    #[must_use]
    pub fn reader(mut self, walks: &[Plan]) -> Self {
        self.readers.push(walks.to_vec());
        self
    }

    /// Bounds how often a thread may be preempted: for scenarios too large to exhaust.
    #[must_use]
    pub fn preemptions(mut self, bound: usize) -> Self {
        self.preemptions = Some(bound);
        self
    }

    /// Says that a walk which is not torn shows the same whenever it is made: what is published is the same to it.
    #[must_use]
    pub fn uniform(mut self) -> Self {
        self.uniform = true;
        self
    }

    /// Runs every interleaving, and prints how many there were.
    ///
    /// # Panics
    /// A walk that the scheme's guarantee rules out, or an exploration that is empty: fewer than
    /// two interleavings, or walks that all showed the same where they need not.
    pub fn explore<S, B, const SEATS: usize>(
        self,
        make: impl Fn() -> Published<S, B, SEATS> + Sync + Send + 'static,
    ) -> Explored
    where
        S: Scheme + Send + 'static,
        B: Barrier,
    {
        let builder = builder(self.preemptions);
        let differs = !self.uniform;
        let (name, bound) = (self.name.clone(), self.preemptions);
        let total = Arc::new(Totals::default());
        let totals = Arc::clone(&total);
        builder.check(move || {
            totals.interleavings.fetch_add(1, Relaxed);
            let run = Arc::new(Run { scenario: self.clone(), published: make(), records: Mutex::default() });
            run.all();
            totals.add(&run.records(), &run.scenario, S::FACTS.guarantee);
        });
        let explored = Explored { interleavings: total.interleavings.load(Relaxed), tally: *locked(&total.tally) };
        let bound = bound.map_or_else(|| "exhaustive".to_string(), |n| std::format!("at most {n} preemptions"));
        println!("model {name}: {} interleavings, {bound}; {}", explored.interleavings, explored.tally);
        assert!(explored.interleavings > 1, "model {name} explored nothing");
        assert!(!differs || locked(&total.shown).len() > 1, "model {name}: all walks showed the same");
        explored
    }
}

/// Explores that `synchronize` waits: a walk that saw the version before is over when it returns.
///
/// A reader walks `[N]` while another thread publishes the empty list, synchronises, and writes to
/// what only walks over `[N]` may read.
///
/// # Panics
/// A walk reads it too late.
pub fn explore_retirement<S, B, const SEATS: usize>(
    name: &'static str,
    preemptions: Option<usize>,
    make: impl Fn() -> Published<S, B, SEATS> + Sync + Send + 'static,
) where
    S: Reclaim + Send + 'static,
    B: Barrier,
{
    let builder = builder(preemptions);
    let interleavings = Arc::new(AtomicU64::new(0));
    let (seen, unseen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = (Arc::clone(&interleavings), Arc::clone(&seen), Arc::clone(&unseen));
    builder.check(move || {
        counts.0.fetch_add(1, Relaxed);
        let shared = Arc::new((make(), crate::sync::Track::default()));
        publish(&shared.0, &[(ZoneKind::Normal, NODE)]);
        let retirer = loom::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                publish(&shared.0, &[]);
                shared.0.synchronize();
                shared.1.write();
            }
        });
        let (published, zone) = &*shared;
        let filter = published.filter(&Request::up_to(ZoneKind::Normal));
        let mut reader = published.reader().expect("a seat");
        let guard = reader.enter();
        let met = guard.walk(node(), &filter).next().is_some();
        if met {
            zone.read();
        }
        if met { &counts.1 } else { &counts.2 }.fetch_add(1, Relaxed);
        drop(guard);
        drop(reader);
        retirer.join().expect("the retirer");
    });
    let explored = interleavings.load(Relaxed);
    println!("model {name}: {explored} interleavings; a grace period is waited for");
    assert!(seen.load(Relaxed) > 0 && unseen.load(Relaxed) > 0, "model {name}: the walk never raced the retirement");
}

/// Runs a model again, in a process of its own, with a fault switched on, and expects it to fail.
///
/// # Panics
/// The model passes, or never reached the fault.
pub fn killed(model: &str, fault: &str) {
    let exe = env::current_exe().expect("the path of this test");
    let run = Command::new(exe).args([model, "--exact", "--nocapture"]).env("ZONELIST_FAULT", fault).output();
    let run = run.expect("the model runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains("running 1 test"), "there is no model {model}");
    assert!(said.contains(&std::format!("fault reached: {fault}")), "model {model} never reaches the fault `{fault}`");
    assert!(!run.status.success(), "model {model} does not see the fault `{fault}`");
    let how = String::from_utf8_lossy(&run.stderr);
    let how = how.lines().find(|line| line.contains("a walk of") || line.contains("Causality")).unwrap_or("it fails");
    println!("fault `{fault}` is killed by {model}: {}", how.trim());
}

/// One interleaving.
struct Run<S, B, const SEATS: usize> {
    scenario: Scenario,
    published: Published<S, B, SEATS>,
    records: Mutex<Records>,
}

#[derive(Default, Debug)]
struct Records {
    publishes: Vec<Record<Zonelists>>,
    walks: Vec<WalkRecord>,
}

#[derive(Debug)]
struct WalkRecord {
    plan: Plan,
    seen: Vec<Zoneref>,
    full: bool,
    told: bool,
}

impl<S: Scheme + Send + 'static, B: Barrier, const SEATS: usize> Run<S, B, SEATS> {
    /// What happens at once; before it, version `i` has the stamp `i`.
    const AT_ONCE: Span = Span { begin: 1000, end: 1000 };

    fn records(&self) -> MutexGuard<'_, Records> {
        locked(&self.records)
    }

    fn all(self: &Arc<Self>) {
        for (i, list) in (0..).zip(&self.scenario.before) {
            self.publish(list, Span { begin: i, end: i });
        }
        // The first reader runs on the model's own thread: loom knows few threads.
        let others = (0..self.scenario.publishers.len()).map(|i| {
            let run = Arc::clone(self);
            loom::thread::spawn(move || {
                run.scenario.publishers[i].iter().for_each(|list| run.publish(list, Self::AT_ONCE));
            })
        });
        let mut threads: Vec<_> = others.collect();
        threads.extend((1..self.scenario.readers.len()).map(|i| {
            let run = Arc::clone(self);
            loom::thread::spawn(move || run.walk(&run.scenario.readers[i]))
        }));
        self.scenario.readers.first().into_iter().for_each(|plans| self.walk(plans));
        for thread in threads {
            thread.join().expect("a thread of the model");
        }
    }

    fn publish(&self, list: &[Zone], span: Span) {
        let (version, lists) = publish(&self.published, list);
        self.records().publishes.push(Record { version, span, lists });
    }

    fn walk(&self, plans: &[Plan]) {
        let filters: Vec<S::Filter> = plans.iter().map(|plan| self.published.filter(&plan.request)).collect();
        let mut reader = self.published.reader().expect("a seat");
        for (plan, filter) in plans.iter().zip(&filters) {
            let guard = reader.enter();
            let mut walk = guard.walk(node(), filter);
            let enough = plan.leave_after.unwrap_or(usize::MAX);
            let mut seen: Vec<Zoneref> = walk.by_ref().take(plan.resumed_after.unwrap_or(enough)).collect();
            if plan.resumed_after.is_some() {
                let in_vain = walk.clone().count();
                assert!(in_vain <= ZONES, "a scan of {in_vain} zonerefs, longer than any list");
                seen.extend(walk.by_ref());
            }
            assert!(seen.len() <= ZONES, "a walk of {} zonerefs, longer than any list", seen.len());
            let full = seen.len() < enough;
            let told = walk.must_retry();
            drop(walk);
            drop(guard);
            reader.quiescent();
            self.records().walks.push(WalkRecord { plan: *plan, seen, full, told });
        }
    }
}

/// Totals over all interleavings.
#[derive(Default)]
struct Totals {
    interleavings: AtomicU64,
    tally: Mutex<Tally>,
    /// The different things that walks showed.
    shown: Mutex<BTreeSet<Vec<u32>>>,
}

impl Totals {
    fn add(&self, records: &Records, scenario: &Scenario, guarantee: crate::publish::Guarantee) {
        let history = History::new(records.publishes.clone()).expect("every version once");
        for WalkRecord { plan, seen, full, told } in &records.walks {
            let span = Span { begin: 1000, end: 1000 };
            let walk = Walked { node: node(), request: &plan.request, span, seen, full: *full };
            let verdict = history.judge(&walk);
            locked(&self.tally).count(verdict, *told, guarantee);
            locked(&self.shown).insert(seen.iter().map(|entry| entry.word()).collect());
            assert!(
                verdict.is_within(guarantee, *told),
                "model {}, interleaving {}: a walk of {seen:?} (full: {full}, told to retry: {told}) breaks {guarantee}: {verdict:?}",
                scenario.name,
                self.interleavings.load(Relaxed),
            );
        }
    }
}

fn publish<S: Scheme, B: Barrier, const SEATS: usize>(
    published: &Published<S, B, SEATS>,
    list: &[Zone],
) -> (crate::publish::Version, Zonelists) {
    let zone = |&(kind, node): &Zone| Zoneref::new(ZoneId::new(NodeId::new(node).expect("a node"), kind));
    let zonerefs: Vec<Zoneref> = list.iter().map(zone).collect();
    // No this-node list: it would only double the states.
    let rows = [Row { start: 0, len: zonerefs.len() as u32, own: 0 }];
    let lists = crate::Lists::new(&zonerefs, &rows).expect("one list");
    (published.publish(lists).expect("room for the list"), lists.into())
}

fn builder(preemptions: Option<usize>) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    builder
}

fn node() -> NodeId {
    NodeId::new(NODE).expect("a node")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
