//! Tests that may hang or crash run in a process of their own, one for each scheme.

use zonelist_core::conformance::facts::child;
use zonelist_schemes::SchemeId;
use zonelist_verify::at_once;

#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use child::{ends, watch};

/// Runs `body` with each scheme in a child process. Returns the word that `body` passes to [`ends`], or how the process
/// died.
///
/// `test` is the name of the calling test in the test harness. In a child this does not return.
pub(crate) fn verdicts(test: &str, body: impl Fn(SchemeId)) -> Vec<(SchemeId, String)> {
    if let Some(name) = child::subject() {
        body(name.parse().expect("a scheme's name"));
        ends("returns without a verdict");
    }
    // Most of the time is spent in waits for processes that hang, so a few run concurrently.
    let verdict = |&scheme: &SchemeId| (scheme, child::verdict(test, scheme.name()));
    let verdicts = at_once(AT_ONCE, &SchemeId::all(), verdict);
    verdicts.iter().for_each(|(scheme, verdict)| println!("{}: {verdict}", scheme.name()));
    verdicts
}

/// Concurrent processes: more would share the CPUs, and seem to hang.
const AT_ONCE: usize = 3;
