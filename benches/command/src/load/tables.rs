//! The report of measurements under load as text: a table for each rate, and a sentence under each.

use std::fmt;

use zonelist_contenders::load::{BATCH, Rate};

use super::{
    REACHED,
    cells::{bytes, dash, in_a_million, mean, of_time, paragraph, time},
    report::{LoadReport, Report, SchemeReport},
};
use crate::table::{count, table};

/// More slow reads in a million than this are named: twice as many as the noise itself has.
const NAMED_PPM: f64 = 200.0;

/// The warning of a machine that is not quiet.
const LOADED: &str = "The machine is not quiet: a publisher that does nothing did not make 1000 publishes a second. Slow \
                      reads, publishes and waits are those of other processes; repeat the measurement without them.";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, seconds, threads, .. } = self;
        let readers = if *threads == 1 { "1 thread reads".into() } else { format!("{threads} threads read") };
        let title =
            format!("Machine {machine}; {readers} first zones while another publishes, {seconds} s for each scheme.");
        writeln!(f, "{}", paragraph(&title))?;
        if self.quiet == Some(false) {
            writeln!(f, "{}", paragraph(LOADED))?;
        }
        Rate::ALL.into_iter().try_for_each(|rate| self.reads(f, rate))?;
        writeln!(f, "{}", paragraph(&self.legend()))?;
        self.publishes(f)?;
        self.grace_periods(f)?;
        self.stalled(f)
    }
}

impl Report {
    /// What the columns of reads mean.
    fn legend(&self) -> String {
        let clock = &self.clock;
        format!(
            "Read: the mean of {BATCH} reads without a clock reading between them, as the median over all batches. p50 \
             to max: reads timed one by one ({}, in steps of {:.0} ns), each with {} for the clock. Machine: a loop that \
             reads nothing; its slow times are interrupts, other processes and the hypervisor. Slow: longer than 99.99 % \
             of that loop, less the loop's own: in a million reads (1M), and as a share of time. A reader that waits does \
             not read meanwhile, so a few long waits are few reads and much time.",
            clock.source,
            clock.resolution_ns,
            time(clock.empty_pair_ns),
        )
    }

    /// Every row of the tables of reads and publishes.
    fn rows(&self) -> impl Iterator<Item = (&'static str, &LoadReport)> {
        let schemes = self.schemes.iter().map(|it| (it.scheme, &it.load));
        let peers = self.peers.iter().map(|it| (it.name, &it.load));
        [("machine", &self.noise)].into_iter().chain(schemes).chain(peers)
    }

    fn reads(&self, f: &mut fmt::Formatter<'_>, rate: Rate) -> fmt::Result {
        let title = match rate {
            Rate::PerSecond(0) => "no publishes".into(),
            Rate::PerSecond(rate) => format!("{rate} publishes a s"),
            Rate::Unpaced => "publishes unpaced".into(),
        };
        let mut table = table(&[&title, "read", "p50", "p90", "p99", "p99.9", "p99.99", "max", "slow/1M", "time"]);
        let mut named = Vec::new();
        for (name, load) in self.rows() {
            let Some(reads) = load.reads.get(&rate) else { continue };
            let it = reads.single;
            let times = [it.p50_ns, it.p90_ns, it.p99_ns, it.p99_9_ns, it.p99_99_ns, it.max_ns].map(time);
            let slow = reads.slow.map_or([dash(), dash()], |slow| [in_a_million(slow), of_time(slow)]);
            table.add_row([name.into(), mean(reads.read_ns)].into_iter().chain(times).chain(slow));
            let many = reads.slow.filter(|slow| slow.slow_ppm > NAMED_PPM);
            named.extend(many.map(|slow| format!("{name} {} ({})", in_a_million(slow), of_time(slow))));
        }
        let sentence = match &named[..] {
            [] => "No row has more slow reads than the machine explains.".into(),
            named => format!("More slow reads in a million (of time) than the machine explains: {}.", named.join(", ")),
        };
        writeln!(f, "{table}\n{}", paragraph(&sentence))
    }

    fn publishes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            "a publish takes",
            "10 a s:\np50",
            "1000:\np50",
            "\np99",
            "\nmax",
            "unpaced:\na second",
            "\np50",
            "\np99",
            "\nmax",
        ];
        let mut table = table(&columns);
        let mut late = Vec::new();
        for (name, load) in self.rows() {
            let at = |rate| load.publishes.get(&rate);
            let [few, many, most] = [Rate::PerSecond(10), Rate::PerSecond(1000), Rate::Unpaced].map(at);
            let times = |it: Option<&super::UpdateReport>| {
                let times = it.map(|it| it.times);
                [times.and_then(|it| it.p50_ns), times.and_then(|it| it.p99_ns), times.and_then(|it| it.max_ns)]
                    .map(time)
            };
            let a_second = most.and_then(|it| it.a_second).map_or_else(dash, |it| count(it.round() as u64));
            let few = few.and_then(|it| it.times.p50_ns);
            let row = [name.into(), time(few)].into_iter().chain(times(many)).chain([a_second]).chain(times(most));
            table.add_row(row);
            let reached = many.and_then(|it| it.a_second).filter(|it| *it < REACHED);
            late.extend(reached.map(|it| format!("{name} {it:.0}")));
        }
        let reached = match &late[..] {
            [] => "None made fewer than 1000 a second at that rate.".into(),
            late => format!("Paced at 1000 a second, some made fewer: {}.", late.join(", ")),
        };
        let sentence = format!("From the call until it returns, with its waits for readers. {reached}");
        writeln!(f, "{table}\n{}", paragraph(&sentence))
    }

    fn grace_periods(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(&["a grace period takes", "count", "p50", "p99", "max"]);
        for SchemeReport { scheme, grace_periods, .. } in &self.schemes {
            let Some(it) = grace_periods else { continue };
            let times = [it.times.p50_ns, it.times.p99_ns, it.times.max_ns].map(time);
            table.add_row([(*scheme).into(), count(it.count)].into_iter().chain(times));
        }
        if table.row_count() == 0 {
            return Ok(());
        }
        let sentence = "One after each of 1000 publishes a second: until all walks that began before it have ended. \
                        Schemes without grace periods are left out.";
        writeln!(f, "{table}\n{}", paragraph(sentence))
    }

    fn stalled(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns =
            ["beside a stalled reader", "publishes", "longest", "other reads", "p99.99", "longest", "bytes kept"];
        let mut table = table(&columns);
        for SchemeReport { scheme, stalled: it, .. } in &self.schemes {
            table.add_row([
                (*scheme).into(),
                format!("{} of {}", it.returned, it.due),
                time(it.publish_max_ns),
                count(it.reads.count),
                time(it.reads.single.p99_99_ns),
                time(it.reads.single.max_ns),
                bytes(it.bytes_kept),
            ]);
        }
        let ms = self.schemes.first().map_or(0.0, |it| it.stalled.seconds * 1e3);
        let sentence = format!(
            "One reader stays within a walk for {ms:.0} ms, at 1000 publishes a second. Publishes: those that returned \
             before it left. Longest: also what returned only then. Bytes kept: allocated by the publishes that \
             returned, and not freed. A dash, here and in the other tables: not measured, or too few samples for the \
             quantile."
        );
        write!(f, "{table}\n{}", paragraph(&sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::report::{ClockReport, PeerReport, Quantiles, ReadReport, SlowReads, StalledReport, UpdateReport},
        *,
    };
    use crate::table::WIDTH;

    /// A report in which every cell is as wide as any measured one.
    fn widest() -> Report {
        let ns = Some(12_345_678);
        let single = Quantiles { p50_ns: ns, p90_ns: ns, p99_ns: ns, p99_9_ns: ns, p99_99_ns: ns, max_ns: ns };
        let slow = Some(SlowReads { slow_ppm: 999_999.0, slow_time_share: 0.999 });
        let reads = ReadReport { count: 123_456_789, read_ns: Some(12_345_678.9), single, slow };
        let update = UpdateReport { count: 123_456_789, a_second: Some(123.0), times: single };
        let load = LoadReport {
            reads: Rate::ALL.map(|rate| (rate, reads.clone())).into(),
            publishes: Rate::ALL.map(|rate| (rate, update.clone())).into(),
        };
        let stalled = StalledReport {
            seconds: 0.3,
            due: 300,
            returned: 300,
            publish_max_ns: ns,
            reads,
            bytes_kept: Some(123_456_789),
        };
        let schemes = zonelist_schemes::SchemeId::all().into_iter().map(|scheme| SchemeReport {
            scheme: scheme.name(),
            load: load.clone(),
            grace_periods: Some(update.clone()),
            stalled: stalled.clone(),
        });
        Report {
            machine: "eight-boards".into(),
            seconds: 3.0,
            threads: 12,
            clock: ClockReport { source: "Instant", resolution_ns: 1000.0, empty_pair_ns: ns },
            quiet: Some(false),
            noise: load.clone(),
            peers: vec![PeerReport { name: "arc_swap::Cache", load: load.clone() }],
            schemes: schemes.collect(),
        }
    }

    #[test]
    fn no_line_is_too_wide() {
        let text = widest().to_string();
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert!(wide.is_empty(), "{}", wide.join("\n"));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("The machine is not quiet:"), "{text}");
        assert!(words.contains("some made fewer: machine 123, StopWorld 123,"), "{text}");
        assert!(words.contains("machine explains: machine 999,999 (99.9 %), StopWorld 999,999 (99.9 %),"), "{text}");
    }
}
