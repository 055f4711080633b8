//! What may hang or crash runs in a process of its own, one for each scheme.

use zonelist_core::conformance::facts::child;
use zonelist_schemes::SchemeId;
use zonelist_verify::at_once;

#[allow(unused_imports, reason = "each test program needs a part of it")]
pub(crate) use child::{ends, watch};

/// What became of `body`, which has to call [`ends`], with each scheme: its word, or how the process died.
///
/// `test` is the name of the calling test as the harness has it. In a child this does not return.
pub(crate) fn verdicts(test: &str, body: impl Fn(SchemeId)) -> Vec<(SchemeId, String)> {
    if let Some(name) = child::subject() {
        body(name.parse().expect("a scheme's name"));
        ends("comes back without a verdict");
    }
    // Most of the time is spent waiting for what hangs: a few at once.
    let verdict = |&scheme: &SchemeId| (scheme, child::verdict(test, scheme.name()));
    let verdicts = at_once(AT_ONCE, &SchemeId::all(), verdict);
    verdicts.iter().for_each(|(scheme, verdict)| println!("{}: {verdict}", scheme.name()));
    verdicts
}

/// Processes at once: more would take the CPUs from one another, and look as if they hung.
const AT_ONCE: usize = 3;
