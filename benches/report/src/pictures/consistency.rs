//! The cost of a read against what a walk may show: a band for each guarantee, and in it a row for each contender.

use serde::Serialize;
use zonelist_contenders::statistics::Estimate;

use super::{
    Picture, PictureError, Waits,
    canvas::{Align, Axis, Canvas, Mark, Width, draw, key_height},
    palette::{BAND, Ink, MUTED, PEER, TEXT},
};
use crate::{
    results::{Results, publish_ns},
    text::{ratio, time},
};

const TITLE: &str = "Cost of a read against what a walk may show";
const NOTE: &str = "A read of the first zone, as a multiple of a read that no protocol protects: the median of fresh \
                    processes, and its 95 % interval. Further left is cheaper, further up is stricter. Alloc: a \
                    page allocated from per-CPU pages and freed, as a multiple of the same over an unprotected list.";

/// The guarantees, the strictest first, and what a walk shows under each.
const BANDS: [(&str, &str, &str); 3] = [
    ("Snapshot", "each walk is one version's list", "each walk is one version"),
    ("Detected", "a walk may be torn, and reports it", "reports a torn walk"),
    ("Racy", "a walk may miss or repeat a zone, without notice", "may miss a zone unnoticed"),
];

/// A contender in the picture.
#[derive(Serialize)]
struct Strip {
    name: String,
    guarantee: String,
    /// Absent of a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Waits>,
    first_zone: Estimate,
    #[serde(skip_serializing_if = "Option::is_none")]
    alloc_pair: Option<Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heap: Option<String>,
}

/// The picture, for both widths.
pub(super) fn picture(results: &Results) -> Result<Picture, PictureError> {
    let rows = rows(results);
    let drawn = |width| {
        let layout = Layout::new(width, &rows);
        draw(TITLE, [width.pixels(), layout.height], |canvas| layout.draw(canvas, &rows))
    };
    Ok(Picture {
        name: "cost-against-consistency".into(),
        title: TITLE.into(),
        note: NOTE.into(),
        wide: drawn(Width::Wide)?,
        narrow: drawn(Width::Narrow)?,
        data: serde_json::to_value(&rows)?,
    })
}

/// All contenders, the cheapest first.
fn rows(results: &Results) -> Vec<Strip> {
    let schemes = results.compare.schemes.iter().map(|scheme| {
        let card = results.card(&scheme.scheme);
        Strip {
            name: scheme.scheme.clone(),
            guarantee: scheme.guarantee.clone(),
            waits: card.map(Waits::of),
            first_zone: scheme.first_zone,
            alloc_pair: Some(scheme.alloc_pair),
            publish_ns: publish_ns(scheme.publish_times, Some(&scheme.walks)),
            heap: card.map(|card| card.text("allocates").to_owned()),
        }
    });
    let peers = results.compare.peers.iter().map(|peer| Strip {
        name: peer.name.clone(),
        guarantee: BANDS[0].0.into(),
        waits: None,
        first_zone: peer.first_zone,
        alloc_pair: None,
        publish_ns: publish_ns(peer.publish_times, peer.walks.as_ref()),
        heap: None,
    });
    let mut rows: Vec<Strip> = schemes.chain(peers).collect();
    rows.sort_by(|one, other| one.first_zone.ratio.total_cmp(&other.first_zone.ratio));
    rows
}

fn mark(row: &Strip) -> (Mark, Ink) {
    row.waits.map_or((Mark::Ring, PEER), |waits| (waits.mark().0, waits.mark().1))
}

fn key() -> Vec<(Mark, Ink, &'static str)> {
    Waits::ALL.map(Waits::mark).into_iter().chain([(Mark::Ring, PEER, "outside peer")]).collect()
}

const ROW: i32 = 24;
const BAND_HEIGHT: i32 = 24;
const SIDE: i32 = 4;

/// The places of all parts, in pixels.
struct Layout {
    width: Width,
    /// The first pixel below the title and the key.
    top: i32,
    /// The end of the last row.
    bottom: i32,
    height: i32,
    axis: Axis,
}

impl Layout {
    fn new(width: Width, rows: &[Strip]) -> Self {
        let pixels = match width {
            Width::Wide => [160, 540],
            Width::Narrow => [126, width.pixels() - 46],
        };
        let most = rows.iter().map(|row| row.first_zone.ratio).fold(1.0, f64::max);
        // An interval may be wider than the picture.
        let high = rows.iter().filter_map(|row| row.first_zone.interval).map(|[_, high]| high).fold(most, f64::max);
        let least = rows.iter().map(|row| row.first_zone.ratio).fold(1.0, f64::min);
        let axis = Axis { range: [least * 0.93, high.min(1.5 * most) * 1.02], pixels };
        let bands = BANDS.iter().filter(|band| rows.iter().any(|row| row.guarantee == band.0)).count() as i32;
        let heads = if width == Width::Wide { 26 } else { 6 };
        let top = 30 + key_height(&key(), width.pixels() - 2 * SIDE) + heads;
        let bottom = top + bands * BAND_HEIGHT + rows.len() as i32 * ROW + 6;
        Self { width, top, bottom, height: bottom + 46, axis }
    }

    fn draw(&self, canvas: &Canvas<'_>, rows: &[Strip]) -> Result<(), PictureError> {
        let size = if self.width == Width::Wide { 16 } else { 14 };
        canvas.text(TITLE, (SIDE, 14), size, TEXT, Align::Left)?;
        canvas.key(&key(), (SIDE, 28), self.width.pixels() - SIDE)?;
        self.grid(canvas)?;
        let mut y = self.top;
        let bands =
            BANDS.iter().map(|band| (band, rows.iter().filter(|row| row.guarantee == band.0).collect::<Vec<_>>()));
        let bands: Vec<_> = bands.filter(|(_, rows)| !rows.is_empty()).collect();
        for (band, rows) in &bands {
            self.band(canvas, band, y)?;
            y += BAND_HEIGHT + rows.len() as i32 * ROW;
        }
        y = self.top;
        for (_, rows) in &bands {
            y += BAND_HEIGHT;
            for row in rows {
                self.row(canvas, row, y + ROW / 2)?;
                y += ROW;
            }
        }
        Ok(())
    }

    fn band(&self, canvas: &Canvas<'_>, band: &(&str, &str, &str), y: i32) -> Result<(), PictureError> {
        let right = self.width.pixels() - 1;
        canvas.rectangle((0, y + 1), (right, y + BAND_HEIGHT - 2), BAND)?;
        let text = if self.width == Width::Wide { band.1 } else { band.2 };
        canvas.text(band.0, (SIDE, y + BAND_HEIGHT / 2), 13, TEXT, Align::Left)?;
        canvas.text(text, (self.axis.pixels[0], y + BAND_HEIGHT / 2), 12, MUTED, Align::Left)
    }

    fn grid(&self, canvas: &Canvas<'_>) -> Result<(), PictureError> {
        let [low, high] = self.axis.range;
        let ticks = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0];
        let ticks = ticks.into_iter().filter(|tick| (low..=high).contains(tick)).map(|tick| (tick, format!("{tick}×")));
        canvas.axis(&self.axis, &ticks.collect::<Vec<_>>(), [self.top + BAND_HEIGHT, self.bottom])?;
        let label = "cost of a read, as a multiple of an unprotected one";
        let middle = (self.axis.pixels[0] + self.axis.pixels[1]) / 2;
        match self.width {
            Width::Wide => canvas.text(label, (middle, self.bottom + 32), 12, MUTED, Align::Centre)?,
            Width::Narrow => canvas.text(label, (SIDE, self.bottom + 32), 12, MUTED, Align::Left)?,
        }
        if self.width == Width::Wide {
            for (x, head) in COLUMNS {
                canvas.text(head, (x, self.top - 10), 12, MUTED, Align::Right)?;
            }
            let alloc = "alloc: a page, as a multiple of an unprotected one";
            canvas.text(alloc, (COLUMNS[2].0, self.bottom + 32), 12, MUTED, Align::Right)?;
        }
        Ok(())
    }

    fn row(&self, canvas: &Canvas<'_>, row: &Strip, y: i32) -> Result<(), PictureError> {
        let (form, ink) = mark(row);
        let is_peer = row.waits.is_none();
        canvas.text(
            &row.name,
            (SIDE, y),
            if self.width == Width::Wide { 13 } else { 12 },
            if is_peer { MUTED } else { TEXT },
            Align::Left,
        )?;
        let x = self.axis.at(row.first_zone.ratio);
        let mut free = x + 11;
        if let Some([low, high]) = row.first_zone.interval {
            let [low, high] = [low, high].map(|end| self.axis.at(end.max(self.axis.range[0])));
            canvas.line((low, y), (high, y), 2, ink)?;
            free = free.max(high + 6);
        }
        canvas.mark(form, (x, y), ink)?;
        canvas.text(&ratio(row.first_zone.ratio), (free, y), 12, TEXT, Align::Left)?;
        if self.width == Width::Wide {
            let alloc = row.alloc_pair.map_or_else(String::new, |pair| format!("{}×", ratio(pair.ratio)));
            let heap = row.heap.as_deref().unwrap_or_default().to_owned();
            let publish = row.publish_ns.map_or_else(String::new, |ns| time(Some(ns)));
            for ((x, _), cell) in COLUMNS.into_iter().zip([publish, alloc, heap]) {
                canvas.text(&cell, (x, y), 12, if is_peer { MUTED } else { TEXT }, Align::Right)?;
            }
        }
        Ok(())
    }
}

/// The columns right of the plot: where each ends, and its heading.
const COLUMNS: [(i32, &str); 3] = [(670, "a publish takes"), (735, "alloc"), (856, "uses the heap")];
