//! Builds and runs the tests of progress under shuttle: `tests/progress.rs` of each package, with a cfg of its own.

use super::scheduled::scheduled;

#[test]
fn all_threads_progress() {
    let mut cargo = scheduled("progress");
    let output = cargo.args(["--", "--nocapture"]).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let reports: Vec<&str> = said.lines().filter_map(|line| line.find("progress ").map(|at| &line[at..])).collect();
    reports.iter().for_each(|line| println!("{line}"));
    for scheme in
        ["StopWorld:", "StopWorldPreempted:", "AsymmetricEpoch:", "Qsbr:", "SeqRetry:", "InPlace:", "Presence:"]
    {
        assert!(
            reports.iter().any(|line| line.starts_with(&format!("progress {scheme}"))),
            "nothing of {scheme}\n{said}"
        );
    }
}
