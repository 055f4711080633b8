//! Tests that count operations of all threads run in a process of their own.

use std::{env, process::Command};

/// Runs `body` in a process of its own, for tests that count operations of all threads.
///
/// `test` is the name of the calling test in the test harness.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "ZONELIST_FACT_ALONE";
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let mut child = Command::new(env::current_exe().expect("this program"));
    let child = child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "");
    assert!(child.status().expect("this program again").success(), "{test} fails in a process of its own");
}
