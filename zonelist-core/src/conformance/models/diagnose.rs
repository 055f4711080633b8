//! The reason why a model fails: an ordering that is too weak, or a fault that no ordering mends.
//!
//! ```text
//!   explore again, with every ordering sequentially consistent
//!   if the model fails: steps are missing, or in the wrong sequence
//!   else for each weak ordering:
//!     explore again, with that ordering alone made stronger
//!     if the model holds: that ordering is the reason
//! ```
//!
//! The second part is the reverse of a mutant.

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

/// Describes why a model fails. `holds` explores the model again, and returns true if it holds.
pub(super) fn why(holds: impl Fn() -> bool, verdict: Option<Verdict>, timeline: Option<&Timeline>) -> String {
    let Some(verdict) = verdict else {
        // No walk is wrong, so a thread waits although the facts declare that none does.
        let shown = match timeline.is_some_and(Timeline::has_wait_for_lock) {
            true => "the step of the timeline that reads `is waited for` shows for what",
            false => "the last loads of the waiting thread show for what",
        };
        return format!("The facts promise more than the scheme does: {shown}.");
    };
    // Also collects the sites of all atomic operations, each with its ordering.
    let (mended, sites) = stronger(Stronger::Everywhere(BTreeSet::new()), &holds);
    if !mended {
        let first = timeline
            .and_then(Timeline::end_stored_first)
            .map(|place| format!("A publish stores the end of its list first, before its zones, at {}.", shown(place)));
        let steps = first.unwrap_or_else(|| steps(verdict, timeline.is_some_and(Timeline::has_slots)));
        return format!(
            "It fails whatever the orderings are: steps are missing or in the wrong order, or a fence(SeqCst) is \
             missing, since loom takes no SeqCst access for one.\n{steps}"
        );
    }
    // One at a time, so that the orderings that mend the model alone are named.
    let weak = sites.into_iter().filter(|(_, operation, word)| !is_strongest(operation, word));
    let named: Vec<String> =
        weak.filter(|(place, ..)| stronger(Stronger::OnlyAt(place), &holds).0).map(|site| named(&site)).collect();
    match named.as_slice() {
        [] => "An ordering is too weak: the model holds with all of them SeqCst, and with none alone made stronger."
            .to_string(),
        named => format!("An ordering is too weak:\n{}.", named.join(", or\n")),
    }
}

/// True if the ordering of an operation can't be made stronger.
fn is_strongest(operation: &str, word: &str) -> bool {
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

/// What is wrong with a torn walk, and the likely fault. With `slots` the scheme has a table of them.
fn steps(Verdict { missed, repeated, phantom, disordered, empty, .. }: Verdict, slots: bool) -> String {
    let (what, likely, of_slots) = match () {
        () if empty => ("showed no zone, though every version has one", "", "is the terminator stored first?"),
        () if repeated => {
            ("met a zone twice", "is a longer list written over while walks go on, or its length kept?", "")
        }
        () if phantom => ("met a zone that is in no version", "", "is a slot read behind the end of its list?"),
        () if missed => {
            ("ended or went on before a zone of every version", "", "is the end of the list stored too early?")
        }
        () if disordered => {
            ("met zones in the order of neither version", "is a list written over while walks go on?", "")
        }
        () => ("met parts of two versions", "is a list written over while walks go on?", ""),
    };
    match if slots && likely.is_empty() { of_slots } else { likely } {
        "" => format!("A walk {what}."),
        likely => format!("A walk {what}: {likely}"),
    }
}
