//! The text of the report: a table for each axis.

use std::fmt;

use zonelist_contenders::growth::{
    Axis, Fit,
    lines::{LineAxis, Lines},
};

use super::report::{AxisReport, LinesReport, Report};
use crate::table::{count, plus_minus, table, wrapped};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for axis in &self.axes {
            writeln!(f, "{axis}")?;
        }
        let cpus = self.cpus.map_or("an unknown number of CPUs".into(), |cpus| format!("{cpus} CPUs"));
        let exponents = format!(
            "Times are nanoseconds of one operation, on {cpus}; of threads beyond that number, each is timed while it \
             runs. Exponent: of the power of the number that fits the times best, by least squares of the logarithms, \
             with half the width of its 95 % interval. 0: does not grow; 1: grows as the number does. A dash: not \
             measured."
        );
        writeln!(f, "{}\n", wrapped(&exponents))?;
        match &self.lines {
            LinesReport::Counted(lines) => write_lines(f, lines),
            LinesReport::NoValgrind => writeln!(f, "Valgrind is not installed, so no cache lines were counted."),
            LinesReport::NotCounted => writeln!(f, "No cache lines were counted."),
        }
    }
}

impl AxisReport {
    /// What the axis is, as a header.
    #[must_use]
    pub fn title(axis: Axis) -> &'static str {
        match axis {
            Axis::WalkByZones => "walk, by zones",
            Axis::FirstZoneByNodes => "first zone, by nodes",
            Axis::FirstZoneByThreads => "first zone, by threads",
            Axis::PublishByNodes => "publish, by nodes",
            Axis::PublishByReaders => "publish, by readers",
        }
    }
}

impl fmt::Display for AxisReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.axis.numbers();
        let mut table = table(&header(Self::title(self.axis), numbers));
        for it in &self.contenders {
            let ns =
                |number: &usize| it.points.iter().find(|point| point.number == *number).map(|point| time(point.ns));
            let cells = numbers.iter().map(|number| ns(number).unwrap_or_else(dash));
            table.add_row([it.name.into()].into_iter().chain(cells).chain([exponent(it.fit)]).collect::<Vec<String>>());
        }
        writeln!(f, "{table}")
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[Lines]) -> fmt::Result {
    for axis in LineAxis::ALL {
        let title = match axis {
            LineAxis::ReadByThreads => "lines of a read, by threads",
            LineAxis::PublishByZones => "lines of publishes, by zones",
            LineAxis::PublishByNodes => "lines of publishes, by nodes",
            LineAxis::PublishByReaders => "lines of publishes, by readers",
        };
        let numbers = axis.numbers();
        let mut table = table(&header(title, numbers));
        for Lines { name, axes } in lines {
            let Some(counts) = axes.get(&axis).filter(|counts| !counts.points.is_empty()) else { continue };
            let of = |number: &usize| counts.points.iter().find(|point| point.number == *number);
            let cell = |number| of(number).map_or_else(dash, |point| count(point.lines as u64));
            let cells = numbers.iter().map(cell);
            table.add_row(
                [(*name).into()].into_iter().chain(cells).chain([exponent(counts.fit)]).collect::<Vec<String>>(),
            );
        }
        writeln!(f, "{table}\n")?;
    }
    let sentence = "Not times, but counts for machines that are larger than this one: cache lines that more than one \
                    thread writes, by the addresses of all stores. A read: of each thread, while all are registered. \
                    Publishes: two by each of two threads. Such lines move between CPUs.";
    writeln!(f, "{}", wrapped(sentence))
}

fn header(title: &str, numbers: &[usize]) -> Vec<String> {
    let numbers = numbers.iter().map(ToString::to_string);
    [title.to_owned()].into_iter().chain(numbers).chain(["exponent".into()]).collect()
}

/// Nanoseconds with three digits or more.
fn time(ns: f64) -> String {
    match ns {
        ..9.995 => format!("{ns:.2}"),
        ..99.95 => format!("{ns:.1}"),
        _ => count(ns.round() as u64),
    }
}

fn exponent(fit: Option<Fit>) -> String {
    let Some(Fit { exponent, half_width, .. }) = fit else { return dash() };
    // Without a negative zero.
    let exponent = (exponent * 100.0).round() / 100.0 + 0.0;
    format!("{exponent:.2}{}", half_width.map_or(String::new(), |half| format!("{}{half:.2}", plus_minus())))
}

fn dash() -> String {
    "-".into()
}

#[cfg(test)]
mod tests {
    use zonelist_contenders::growth::{
        Grown, Measurement, Point,
        lines::{LineCount, LineCounts},
    };

    use super::*;
    use crate::table::WIDTH;

    /// A report in which every cell is as wide as any measured one.
    fn widest() -> Report {
        let fit = Some(Fit { exponent: -1.23, half_width: Some(1.23), r_squared: 0.5 });
        let of = |axis: Axis| {
            let points: Vec<Point> = axis.numbers().iter().map(|&number| Point { number, ns: 999_999.0 }).collect();
            let it = |grown: Grown| Measurement { name: grown.name(), points: points.clone(), fit };
            AxisReport { axis, contenders: Grown::all().into_iter().map(it).collect() }
        };
        let counts = |axis: LineAxis| {
            let points = axis.numbers().iter().map(|&number| LineCount { number, lines: 999_999 }).collect();
            (axis, LineCounts { points, fit })
        };
        let lines = |grown: Grown| Lines { name: grown.name(), axes: LineAxis::ALL.map(counts).into() };
        Report {
            seconds: 1.0,
            cpus: Some(2),
            axes: Axis::ALL.map(of).into(),
            lines: LinesReport::Counted(Grown::all().into_iter().map(lines).collect()),
        }
    }

    #[test]
    fn no_line_is_too_wide() {
        let text = widest().to_string();
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert!(wide.is_empty(), "{}", wide.join("\n"));
        assert!(text.contains(&format!("-1.23{}1.23", plus_minus())), "{text}");
    }

    #[test]
    fn what_was_not_counted_is_said_and_absent() {
        for (lines, said) in [(LinesReport::NoValgrind, "not installed"), (LinesReport::NotCounted, "No cache lines")] {
            let report = Report { lines, ..widest() };
            assert!(report.to_string().contains(said));
            assert!(serde_json::to_value(&report).unwrap().get("lines").is_none());
        }
    }
}
