//! Sizes of zones in the format of `/proc/zoneinfo`.

use std::collections::BTreeSet;

use zonelist_core::{NodeId, Pfn, ZoneId, ZoneKind, topology::ZoneSize};

use crate::error::Problem;

/// The zone kinds that the text names, ascending, and its populated zones.
///
/// Lines without a size are skipped; they differ between kernels.
pub(super) fn parse(text: &str) -> Result<(Vec<ZoneKind>, Vec<ZoneSize>), Problem> {
    let mut kinds = BTreeSet::new();
    let mut zones: Vec<ZoneSize> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |expected| Problem::value(format!("line {}", index + 1), format_args!("{line:?}"), expected);
        if let Some(heading) = line.strip_prefix("Node ") {
            let zone = zone(heading).ok_or_else(|| wrong("`Node N, zone KIND`"))?;
            kinds.insert(zone.kind());
            zones.push(ZoneSize { zone, start_pfn: Pfn::new(0), spanned: 0, present: 0, managed: 0 });
        } else if let (Some(size), Some((key, value))) = (zones.last_mut(), line.trim_ascii().split_once(' ')) {
            let number = || value.trim_ascii().parse().map_err(|_| wrong("a number of pages"));
            match key {
                "spanned" => size.spanned = number()?,
                "present" => size.present = number()?,
                "managed" => size.managed = number()?,
                "start_pfn:" => size.start_pfn = Pfn::new(number()?),
                _ => {}
            }
        }
    }
    zones.retain(|size| size.present > 0);
    Ok((kinds.into_iter().collect(), zones))
}

/// Parses a heading without its first word, as in `0, zone   Normal`.
fn zone(heading: &str) -> Option<ZoneId> {
    let (node, kind) = heading.split_once(", zone")?;
    Some(ZoneId::new(NodeId::new(node.parse().ok()?)?, ZoneKind::from_name(kind.trim_ascii())?))
}
