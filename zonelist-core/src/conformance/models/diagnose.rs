//! Why a model fails: by an ordering that is too weak, or whatever the orderings are.
//!
//! It is explored once more with every ordering sequentially consistent. If it holds then, each of them alone is made
//! stronger: the reverse of a mutant.

use std::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::Timeline;
use crate::{
    conformance::Verdict,
    sync::traced::{Site, Stronger, shown, stronger},
};

/// Why a model fails, in words; `holds` explores it again, and says whether it does not.
pub(super) fn why(holds: impl Fn() -> bool, verdict: Option<Verdict>, timeline: Option<&Timeline>) -> String {
    let Some(verdict) = verdict else {
        return "Its facts promise more than it does: a step says `is waited for`, or the waiting thread's last loads say for what."
            .to_string();
    };
    let (mended, sites) = stronger(Stronger::Everywhere(BTreeSet::new()), &holds);
    if !mended {
        let first = timeline
            .and_then(Timeline::end_stored_first)
            .map(|place| format!("A publish stores the end of its list first, before its zones, at {}.", shown(place)));
        let steps = first.unwrap_or_else(|| steps(verdict).to_string());
        return format!(
            "It fails whatever the orderings are: steps are missing, or in the wrong order, or a fence(SeqCst) is missing, for \
             which loom takes no SeqCst access.\n{steps}"
        );
    }
    let weak = sites.into_iter().filter(|(_, operation, word)| !is_as_strong(operation, word));
    let named: Vec<String> =
        weak.filter(|(place, ..)| stronger(Stronger::At(place), &holds).0).map(|site| named(&site)).collect();
    match named.as_slice() {
        [] => {
            "An ordering is too weak: it holds with all of them SeqCst, and with none alone made stronger.".to_string()
        }
        named => format!("An ordering is too weak:\n{}.", named.join(", or\n")),
    }
}

/// Whether an operation can't be made stronger.
fn is_as_strong(operation: &str, word: &str) -> bool {
    match operation {
        "load" => word != "Relaxed",
        "store" => word != "Relaxed",
        "fence" => true,
        _ => matches!(word, "AcqRel" | "SeqCst"),
    }
}

fn named((place, operation, word): &Site) -> String {
    let stronger = match operation.as_str() {
        "load" => "Acquire",
        "store" => "Release",
        _ => "AcqRel",
    };
    format!("  {operation} as {word} at {}: with {stronger} it holds", shown(place))
}

/// What a torn walk may come from.
fn steps(Verdict { missed, repeated, phantom, disordered, empty, .. }: Verdict) -> &'static str {
    match () {
        () if empty => "A walk met the end of a list before its zones: is the terminator stored first?",
        () if repeated => {
            " A walk met a zone at two places: is a longer list written over while walks go on, or its length kept?"
        }
        () if phantom => "A walk met a zone that is in no version: is a slot read behind the end of its list?",
        () if missed => {
            " A walk ended or went on before a zone of every version: is the end of the list stored too early?"
        }
        () if disordered => {
            " A walk met zones in the order of neither version: is a list written over while walks go on?"
        }
        () => "A walk met parts of two versions: is a list written over while walks go on?",
    }
}
