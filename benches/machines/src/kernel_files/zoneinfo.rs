//! Sizes of zones in the format of `/proc/zoneinfo`.

use std::collections::BTreeSet;

use zonelist_core::{NodeId, Pfn, ZoneId, ZoneKind, topology::ZoneSize};

use crate::error::Problem;

/// The sizes that a `/proc/zoneinfo` has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneSizes {
    /// The zone kinds of the kernel, ascending: those of the text, and those that must be there beside them.
    pub kinds: Vec<ZoneKind>,
    /// The populated zones.
    pub zones: Vec<ZoneSize>,
}

/// Parses the text of `/proc/zoneinfo`.
///
/// Lines without a size are skipped; they differ between kernels. Kernels before 4.12 print populated zones only: the
/// columns of `protection` then say how many other kinds there are.
///
/// # Errors
/// A line that is no heading of a zone of a known kind, a size that is no number, or more kinds than columns.
///
/// ```
/// use zonelist_machines::parse_zoneinfo;
/// let text = "Node 0, zone   Normal\n  spanned  8\n  present  8\n  managed  7\n  protection: (0, 0)\n";
/// let sizes = parse_zoneinfo(text).unwrap();
/// assert_eq!((sizes.kinds.len(), sizes.zones[0].managed), (2, 7));
/// let error = parse_zoneinfo("Node 0, zone  NoSplit\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 1: "), "{error}");
/// ```
pub fn parse_zoneinfo(text: &str) -> Result<ZoneSizes, Problem> {
    let mut kinds = BTreeSet::new();
    let mut zones: Vec<ZoneSize> = Vec::new();
    let (mut columns, mut has_managed) = (0, false);
    for (index, line) in text.lines().enumerate() {
        let wrong = |expected| Problem::value(format!("line {}", index + 1), format_args!("{line:?}"), expected);
        if let Some(heading) = line.strip_prefix("Node ") {
            let zone = zone(heading).ok_or_else(|| wrong(HEADING))?;
            if zones.iter().any(|size| size.zone == zone) {
                return Err(wrong("each zone once"));
            }
            kinds.insert(zone.kind());
            zones.push(ZoneSize { zone, start_pfn: Pfn::new(0), spanned: 0, present: 0, managed: 0 });
        } else if let (Some(size), Some((key, value))) = (zones.last_mut(), line.trim_ascii().split_once(' ')) {
            has_managed |= key == "managed";
            let number = || value.trim_ascii().parse().map_err(|_| wrong("a number of pages"));
            match key {
                "spanned" => size.spanned = number()?,
                "present" => size.present = number()?,
                "managed" => size.managed = number()?,
                "start_pfn:" => size.start_pfn = Pfn::new(number()?),
                "protection:" => columns = value.split(',').count(),
                _ => {}
            }
        }
    }
    zones.retain(|size| size.present > 0);
    if !has_managed {
        // Before 3.9 there was no such count.
        zones.iter_mut().for_each(|size| size.managed = size.present);
    }
    let kinds = completed(kinds, columns)?;
    Ok(ZoneSizes { kinds, zones })
}

const HEADING: &str = "`Node N, zone KIND`, of the kinds DMA, DMA32, Normal, HighMem, Movable, Device";

/// The kinds of a kernel with that number of columns, of which it has printed these.
///
/// Every kernel has Normal and Movable. Which other kind has no page does not change a watermark.
fn completed(mut kinds: BTreeSet<ZoneKind>, columns: usize) -> Result<Vec<ZoneKind>, Problem> {
    use ZoneKind::{Device, Dma, Dma32, HighMem, Movable, Normal};
    if columns > 0 {
        let others = [Normal, Movable, Device, Dma32, Dma, HighMem].into_iter().filter(|kind| !kinds.contains(kind));
        let missing = columns.saturating_sub(kinds.len());
        kinds.extend(others.take(missing).collect::<Vec<_>>());
        if kinds.len() != columns {
            let found = format!("{columns} columns of protection for {} kinds", kinds.len());
            return Err(Problem::value("", found, "a column for each kind"));
        }
    }
    Ok(kinds.into_iter().collect())
}

/// Parses a heading without its first word, as in `0, zone   Normal`.
fn zone(heading: &str) -> Option<ZoneId> {
    let (node, kind) = heading.split_once(", zone")?;
    Some(ZoneId::new(NodeId::new(node.parse().ok()?)?, ZoneKind::from_name(kind.trim_ascii())?))
}
