//! Cache lines that more than one thread writes, counted from the addresses of all stores.
//!
//! Such a line moves from CPU to CPU at each write, which is what costs more and more as CPUs are added. The count says
//! how many lines move. It is no time: not how long a move takes, nor what lines cost that one thread writes and others
//! only read.
//!
//! ```text
//! program TRACED ARGUMENT...  under valgrind's lackey, which prints the address of each load and store
//!   prints the address of MARKERS, waits for a line
//!   for each case: threads register and read once, and then run their operation one after the other:
//!     MARKERS[BEGIN] := 0; operation; MARKERS[END] := 0
//! parent: the lines that are stored to between BEGIN and END, by thread; those of two threads or more are counted
//! ```
//!
//! The threads of a case live at the same time, so no two of them use the same stack. None runs while another is between
//! its markers: the count is that of what an operation touches, whatever else runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, BufReader, ErrorKind, Write},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU8, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use serde::Serialize;
use zonelist_core::{
    NodeId, ZoneId, ZoneKind, Zonelists, Zoneref,
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_schemes::workload::{synthetic, wide};

use super::{fit::Fit, grown::Grown};
use crate::contender::{AnyPublication, ContenderError};

/// A number that grows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineAxis {
    /// Threads, each of which reads a first zone.
    ReadByThreads,
    /// Zones of the one list that two threads publish.
    PublishByZones,
    /// Nodes, each with a list of four zones, that two threads publish.
    PublishByNodes,
    /// Registered readers between walks, while two threads publish two lists of eight zones.
    PublishByReaders,
}

impl LineAxis {
    /// All axes.
    pub const ALL: [Self; 4] =
        [Self::ReadByThreads, Self::PublishByZones, Self::PublishByNodes, Self::PublishByReaders];

    /// The numbers. A machine has at most 1024 nodes, and a list at most 6144 zones: six kinds of each node.
    #[must_use]
    pub fn numbers(self) -> &'static [usize] {
        match self {
            Self::ReadByThreads | Self::PublishByReaders => &[2, 8, 64],
            Self::PublishByZones => &[8, 256, 6144],
            Self::PublishByNodes => &[2, 32, 1024],
        }
    }

    fn cases() -> impl Iterator<Item = (Self, usize)> {
        Self::ALL.into_iter().flat_map(|axis| axis.numbers().iter().map(move |&number| (axis, number)))
    }

    fn lists(self, number: usize) -> [Zonelists; 2] {
        match self {
            Self::ReadByThreads | Self::PublishByReaders => [synthetic(8), synthetic(7)],
            Self::PublishByZones => [one_list(number), one_list(number - 1)],
            Self::PublishByNodes => [wide(number as u16), wide(number as u16 - 1)],
        }
    }
}

/// One list of this many zones, for node 0.
fn one_list(zones: usize) -> Zonelists {
    let nodes = (0..).map_while(NodeId::new);
    let all = nodes.flat_map(|node| ZoneKind::ALL.map(|kind| Zoneref::new(ZoneId::new(node, kind))));
    let zonerefs: Vec<Zoneref> = all.take(zones).collect();
    let span = NodeSpan { start: 0, len: zonerefs.len() as u32, own: zonerefs.len().min(ZoneKind::COUNT) as u32 };
    ZonelistsRef::new(&zonerefs, &[span]).map(Zonelists::from).unwrap_or_default()
}

/// The counts of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct Lines {
    /// Its name.
    pub name: &'static str,
    /// The counts, by what grows. A number that it can't reach is absent.
    pub axes: BTreeMap<LineAxis, LineCounts>,
}

/// The counts along one axis.
#[derive(Clone, Default, Debug, Serialize)]
pub struct LineCounts {
    /// The counts.
    pub points: Vec<LineCount>,
    /// The fit of the counts; absent if one is 0.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// The count at one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LineCount {
    /// The number.
    pub number: usize,
    /// The lines of 64 bytes that more than one thread stores to: by a read each, or by two publishes each.
    pub lines: usize,
}

/// A count of lines that failed.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// Valgrind is not installed.
    #[error("valgrind is not installed")]
    NoValgrind,
    /// Valgrind can't be run.
    #[error("valgrind: {0}")]
    Io(#[from] io::Error),
    /// The traced program failed.
    #[error("the traced program of {0} failed")]
    Failed(&'static str),
}

const BEGIN: usize = 0;
const END: usize = 1;
const CASE: usize = 2;

/// Bytes that nothing but [`mark`] writes, on lines of their own.
#[repr(align(64))]
struct Markers([AtomicU8; 64]);

static MARKERS: Markers = Markers([const { AtomicU8::new(0) }; 64]);

fn mark(mark: usize) {
    MARKERS.0[mark].store(0, Relaxed);
}

/// Runs all cases of a contender, for valgrind to trace: the work of the program that [`Lines::count`] starts.
///
/// # Errors
/// The contender refuses lists or readers.
pub fn run(grown: Grown) -> Result<(), ContenderError> {
    println!("{}", MARKERS.0.as_ptr() as usize);
    // Without the parent, there is nothing to wait for.
    let _ = io::stdin().lock().read_line(&mut String::new());
    for (axis, number) in LineAxis::cases() {
        mark(CASE);
        let reads = axis == LineAxis::ReadByThreads;
        if !reads && !grown.publishes() {
            continue;
        }
        let [lists, other] = axis.lists(number);
        let Some(publication) = grown.publish(lists.lists(), number.max(2)) else { continue };
        if reads {
            read(&*publication?, number)?;
        } else {
            let beside = if axis == LineAxis::PublishByReaders { number } else { 0 };
            publish(&*publication?, [lists.lists(), other.lists()], beside)?;
        }
    }
    Ok(())
}

/// Each thread reads once, while all are registered.
fn read(publication: &dyn AnyPublication, threads: usize) -> Result<(), ContenderError> {
    let node = [NodeId::new(0).expect("below the limit")];
    thread::scope(|scope| {
        let mut started = Vec::new();
        for _ in 0..threads {
            let ((go, turn), (ready, done)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
            let thread = scope.spawn(move || -> Result<(), ContenderError> {
                let mut reader = publication.reader()?;
                // The first read of a thread may set up what later ones use.
                reader.independent(&node);
                // A send fails only if the other thread has failed.
                let _ = ready.send(());
                while turn.recv().is_ok() {
                    mark(BEGIN);
                    reader.independent(&node);
                    mark(END);
                    let _ = ready.send(());
                }
                Ok(())
            });
            let _ = done.recv();
            started.push((thread, go, done));
        }
        for (_, go, done) in &started {
            let _ = go.send(()).map(|()| done.recv());
        }
        // Without its sender, each thread ends.
        let threads: Vec<_> = started.into_iter().map(|(thread, ..)| thread).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })
}

/// This thread publishes twice, and then another one does, while this one lives.
fn publish(
    publication: &dyn AnyPublication,
    versions: [ZonelistsRef<'_>; 2],
    readers: usize,
) -> Result<(), ContenderError> {
    let twice = || {
        mark(BEGIN);
        let published = versions.into_iter().try_for_each(|lists| publication.publish(lists));
        mark(END);
        published
    };
    let mut published = Ok(());
    publication.beside_readers(readers, &mut || {
        published = twice().and_then(|()| thread::scope(|scope| scope.spawn(twice).join()).unwrap_or(Ok(())));
    })?;
    published
}

impl Lines {
    /// Counts the lines of a contender. `program` calls [`run`] for it.
    ///
    /// # Errors
    /// Valgrind is not installed, or the program failed.
    pub fn count(grown: Grown, program: &Command) -> Result<Self, LinesError> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=lackey", "--trace-mem=yes"]).arg(program.get_program()).args(program.get_args());
        valgrind.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = valgrind.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => LinesError::NoValgrind,
            _ => LinesError::Io(error),
        })?;
        let cases = traced(&mut child);
        let status = child.wait()?;
        let cases = cases?.filter(|cases| status.success() && cases.len() == LineAxis::cases().count());
        let mut axes = BTreeMap::<LineAxis, LineCounts>::new();
        for ((axis, number), counts) in LineAxis::cases().zip(cases.ok_or(LinesError::Failed(grown.name()))?) {
            let lines = counts.shared();
            axes.entry(axis).or_default().points.extend(lines.map(|lines| LineCount { number, lines }));
        }
        for counts in axes.values_mut() {
            let of = |point: &LineCount| (point.number as f64, point.lines as f64);
            counts.fit = Fit::of(&counts.points.iter().map(of).collect::<Vec<_>>());
        }
        Ok(Self { name: grown.name(), axes })
    }
}

/// The stores of a case, by thread.
#[derive(Default)]
struct Case(Vec<BTreeSet<u64>>);

impl Case {
    /// The number of lines that more than one thread stores to; `None` without a thread.
    fn shared(&self) -> Option<usize> {
        let mut writers = BTreeMap::<u64, usize>::new();
        self.0.iter().flatten().for_each(|&line| *writers.entry(line).or_default() += 1);
        (!self.0.is_empty()).then(|| writers.values().filter(|&&writers| writers > 1).count())
    }
}

/// Reads the trace. `None` if the program does not print the address of the markers.
fn traced(child: &mut Child) -> io::Result<Option<Vec<Case>>> {
    let (Some(trace), Some(out), Some(mut reply)) = (child.stderr.take(), child.stdout.take(), child.stdin.take())
    else {
        return Ok(None);
    };
    thread::scope(|scope| {
        // The trace is read meanwhile, so that valgrind can write it. The markers are used only after the reply.
        let (send, address) = mpsc::channel::<u64>();
        let reader = scope.spawn(move || cases(&mut BufReader::with_capacity(1 << 16, trace), &address));
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if let Ok(markers) = line.trim().parse() {
            let _ = send.send(markers);
        }
        drop(send);
        // The program may have ended.
        let _ = reply.write_all(b"\n");
        drop(reply);
        reader.join().unwrap_or(Ok(None))
    })
}

/// The cases of a trace, whose lines are like ` S 1ffeffe7e0,8`: a store, an address in hexadecimal digits, a size.
fn cases(trace: &mut dyn BufRead, address: &mpsc::Receiver<u64>) -> io::Result<Option<Vec<Case>>> {
    const LINE: u64 = 64;
    let (mut markers, mut cases, mut is_counted) = (None, Vec::<Case>::new(), false);
    let mut text = Vec::new();
    while trace.read_until(b'\n', &mut text)? > 0 {
        let store = text.strip_prefix(b" S ").or_else(|| text.strip_prefix(b" M ")).and_then(access);
        text.clear();
        let Some((at, size)) = store else { continue };
        markers = markers.or_else(|| address.try_recv().ok());
        match markers.and_then(|markers| at.checked_sub(markers)).map(|offset| offset as usize) {
            Some(CASE) => cases.push(Case::default()),
            Some(BEGIN) => {
                is_counted = true;
                cases.last_mut().into_iter().for_each(|case| case.0.push(BTreeSet::new()));
            }
            Some(END) => is_counted = false,
            _ => {
                let lines = at / LINE..=(at + size.saturating_sub(1)) / LINE;
                let case = cases.last_mut().filter(|_| is_counted).and_then(|case| case.0.last_mut());
                case.into_iter().for_each(|case| case.extend(lines.clone()));
            }
        }
    }
    Ok(markers.map(|_| cases))
}

fn access(text: &[u8]) -> Option<(u64, u64)> {
    let (at, size) = std::str::from_utf8(text).ok()?.trim().split_once(',')?;
    Some((u64::from_str_radix(at, 16).ok()?, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_two_threads_are_counted() {
        let (send, address) = mpsc::channel();
        send.send(0x1000).unwrap();
        // A store before the first mark; two threads, which share the lines at 0x80 and, by a store across lines, 0xc0.
        let trace =
            b"==1== text\n S 80,8\n S 1002,1\n S 1000,1\nI  40,3\n S 80,8\n S bc,8\n L 200,8\n S 1001,1\n S 200,8\n\
            \x20S 1000,1\n M 88,4\n S c0,1\n S 200,8\n S 1001,1\n S 1002,1\n";
        let cases = cases(&mut &trace[..], &address).unwrap().unwrap();
        assert_eq!(cases.iter().map(Case::shared).collect::<Vec<_>>(), [Some(2), None]);
    }

    #[test]
    fn a_list_has_the_largest_number_of_zones() {
        let lists = one_list(6144);
        assert_eq!(lists.lists().longest(), 6144);
    }
}
