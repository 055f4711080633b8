//! Times from the median to the slowest: a row for each contender, on a logarithmic axis.

use serde::Serialize;

use super::{
    Picture, PictureError, Waits,
    canvas::{Align, Axis, Canvas, Mark, Width, draw, key_height},
    palette::{Ink, MUTED, PEER, TEXT},
};
use crate::{
    results::{Load, Quantiles, Results},
    text::time,
};

/// A contender in a picture.
#[derive(Serialize)]
pub(super) struct Strip {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits: Option<Waits>,
    /// Nanoseconds, in the sequence of the picture's symbols. Null for what was not measured.
    pub(super) times_ns: Vec<Option<f64>>,
    /// The text at the end of the row, if not the greatest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
}

/// What a picture shows.
#[derive(Serialize)]
pub(super) struct Ranges {
    pub(super) title: String,
    /// The names of the times.
    pub(super) times: Vec<String>,
    pub(super) rows: Vec<Strip>,
}

/// The symbols of the times, in their sequence; a picture with fewer times has the last ones.
const SYMBOLS: [Mark; 5] = [Mark::Disc, Mark::Tick, Mark::Diamond, Mark::Square, Mark::Ring];

/// Reads at 1000 publishes a second and without pause, then publishes.
pub(super) fn tails(results: &Results, load: &Load) -> Result<Vec<Picture>, PictureError> {
    let reads = |rate: &str, name: &str, title: &str| {
        let row = |name: &str, single: Option<Quantiles>| single.map(|it| row(results, name, read_times(it)));
        let noise = row(NOISE, load.noise.reads.get(rate).map(|it| it.single));
        let schemes = load.schemes.iter().map(|it| row(&it.scheme, it.reads.get(rate).map(|it| it.single)));
        let peers = load
            .peers
            .iter()
            .map(|it| row(it.name.as_deref().unwrap_or_default(), it.reads.get(rate).map(|it| it.single)));
        let rows = [noise].into_iter().chain(schemes).chain(peers).flatten().collect();
        let times = ["median", "99 %", "99.9 %", "99.99 %", "slowest"].map(String::from).into();
        picture(name, READS, Ranges { title: title.into(), times, rows })
    };
    let publishes = || {
        let row = |name: &str, times: Quantiles| row(results, name, vec![times.p50_ns, times.p99_ns, times.max_ns]);
        let schemes = load.schemes.iter().filter_map(|it| Some(row(&it.scheme, it.publishes.get("1000")?.times)));
        let peers = load.peers.iter().filter_map(|it| Some(row(it.name.as_deref()?, it.publishes.get("1000")?.times)));
        let title = "Publishes, at 1000 a second".into();
        let times = ["median", "99 %", "slowest"].map(String::from).into();
        picture("publishes", PUBLISHES, Ranges { title, times, rows: schemes.chain(peers).collect() })
    };
    Ok(vec![
        reads("1000", "reads-at-1000", "Single reads, while lists are published 1000 times a second")?,
        reads("unpaced", "reads-unpaced", "Single reads, while lists are published without pause")?,
        publishes()?,
    ])
}

/// The longest publish, and the longest read of others, beside a stalled reader.
pub(super) fn stalls(results: &Results, load: &Load) -> Result<Picture, PictureError> {
    let rows = load
        .schemes
        .iter()
        .map(|it| row(results, &it.scheme, vec![it.stalled.reads.single.max_ns, it.stalled.publish_max_ns]));
    let ms = load.schemes.first().map_or(0.0, |it| it.stalled.seconds * 1e3 + 10.0);
    let title = format!("What waits while one reader is stalled for {ms:.0} ms");
    let times = ["slowest read of another reader", "longest publish"].map(String::from).into();
    picture("stalls", STALLS, Ranges { title, times, rows: rows.collect() })
}

const NOISE: &str = "no read at all";
const READS: &str = "Each read is timed by itself, which includes the clock. The first row is a loop that reads nothing: \
                     what it shows is the clock and the noise of the machine, and only times beyond it are due to a \
                     scheme.";
const PUBLISHES: &str = "From the call until it returns, with its waits for readers.";
const STALLS: &str = "A publish or a read that waits for the stalled reader takes as long as the stall.";

fn row(results: &Results, name: &str, times_ns: Vec<Option<u64>>) -> Strip {
    let times_ns = times_ns.into_iter().map(|ns| ns.map(|ns| ns as f64)).collect();
    Strip { name: name.to_owned(), waits: results.card(name).map(Waits::of), times_ns, label: None }
}

fn read_times(it: Quantiles) -> Vec<Option<u64>> {
    vec![it.p50_ns, it.p99_ns, it.p99_9_ns, it.p99_99_ns, it.max_ns]
}

pub(super) fn picture(name: &str, note: &str, ranges: Ranges) -> Result<Picture, PictureError> {
    let drawn = |width| {
        let layout = Layout::new(width, &ranges);
        draw(&ranges.title, [width.pixels(), layout.height], |canvas| layout.draw(canvas, &ranges))
    };
    Ok(Picture {
        name: name.into(),
        title: ranges.title.clone(),
        note: note.into(),
        wide: drawn(Width::Wide)?,
        narrow: drawn(Width::Narrow)?,
        data: serde_json::to_value(&ranges)?,
    })
}

/// The key: symbols of the times, in the colour of text.
fn key(ranges: &Ranges) -> Vec<(Mark, Ink, &str)> {
    let symbols = symbols(ranges.times.len());
    symbols.iter().zip(&ranges.times).map(|(&mark, name)| (mark, MUTED, name.as_str())).collect()
}

fn symbols(times: usize) -> Vec<Mark> {
    match times {
        2 => vec![Mark::Tick, Mark::Square],
        3 => vec![Mark::Disc, Mark::Tick, Mark::Ring],
        _ => SYMBOLS.into(),
    }
}

const ROW: i32 = 23;
const SIDE: i32 = 4;

/// The places of all parts, in pixels.
struct Layout {
    width: Width,
    top: i32,
    bottom: i32,
    height: i32,
    axis: Axis,
}

impl Layout {
    fn new(width: Width, ranges: &Ranges) -> Self {
        let all = || ranges.rows.iter().flat_map(|row| &row.times_ns).flatten().map(|&ns| ns.max(0.1));
        let [least, most] = [all().fold(f64::INFINITY, f64::min), all().fold(1.0, f64::max)];
        let range = [if least.is_finite() { least * 0.8 } else { 1.0 }, (most * 1.25).max(10.0)];
        let pixels = match width {
            Width::Wide => [160, width.pixels() - 86],
            Width::Narrow => [126, width.pixels() - 12],
        };
        let top = 4 + key_height(&key(ranges), width.pixels() - 2 * SIDE) + 6;
        let bottom = top + ranges.rows.len() as i32 * ROW;
        Self { width, top, bottom, height: bottom + 24, axis: Axis { range, pixels } }
    }

    fn draw(&self, canvas: &Canvas<'_>, ranges: &Ranges) -> Result<(), PictureError> {
        canvas.key(&key(ranges), (SIDE, 2), self.width.pixels() - SIDE)?;
        let [low, high] = self.axis.range;
        let ticks = (0..11).map(|power| 10_f64.powi(power)).filter(|tick| (low..=high).contains(tick));
        let ticks: Vec<_> = ticks.map(|tick| (tick, short(tick))).collect();
        canvas.axis(&self.axis, &ticks, [self.top, self.bottom])?;
        let symbols = symbols(ranges.times.len());
        for (number, row) in ranges.rows.iter().enumerate() {
            self.row(canvas, row, &symbols, self.top + number as i32 * ROW + ROW / 2)?;
        }
        Ok(())
    }

    fn row(&self, canvas: &Canvas<'_>, row: &Strip, symbols: &[Mark], y: i32) -> Result<(), PictureError> {
        let ink = row.waits.map_or(PEER, |waits| waits.mark().1);
        let (size, name) = (if self.width == Width::Wide { 13 } else { 12 }, row.waits.map_or(MUTED, |_| TEXT));
        canvas.text(&row.name, (SIDE, y), size, name, Align::Left)?;
        let places: Vec<Option<i32>> = row.times_ns.iter().map(|ns| ns.map(|ns| self.axis.at(ns))).collect();
        let known = || places.iter().flatten().copied();
        if let (Some(left), Some(right)) = (known().min(), known().max()) {
            canvas.line((left, y), (right, y), 1, ink)?;
        }
        // The slowest is drawn last: it is above the others.
        for (place, &mark) in places.iter().zip(symbols) {
            if let Some(x) = *place {
                canvas.mark(mark, (x, y), ink)?;
            }
        }
        let most = row.times_ns.iter().flatten().copied().reduce(f64::max).map(|most| time(Some(most.round() as u64)));
        match (self.width, row.label.clone().or(most)) {
            (Width::Wide, Some(label)) => canvas.text(&label, (self.width.pixels() - SIDE, y), 12, TEXT, Align::Right),
            _ => Ok(()),
        }
    }
}

/// A power of ten in its unit.
fn short(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns} ns"),
        ..1e6 => format!("{} µs", ns / 1e3),
        ..1e9 => format!("{} ms", ns / 1e6),
        _ => format!("{} s", ns / 1e9),
    }
}
