//! Output in a file and on stdout.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::run::{succeed, zonelist};

#[test]
fn json_goes_to_stdout_or_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let [spaced, joined] = ["spaced.json", "joined.json"].map(|name| folder.path().join(name).display().to_string());
    let stdout = succeed(&["order", "--json", "--machine", "ring"]).stdout;
    assert_eq!(succeed(&["order", "--machine", "ring", "--json", &spaced]).stdout, "");
    assert_eq!(succeed(&["order", "--machine", "ring", &format!("--json={joined}")]).stdout, "");
    assert_eq!(fs::read_to_string(spaced).unwrap(), stdout);
    assert_eq!(fs::read_to_string(joined).unwrap(), stdout);
    assert!(stdout.find(r#""2":"#) < stdout.find(r#""3":"#), "keys in numeric order");

    let nowhere = folder.path().join("none/a.json").display().to_string();
    let run = zonelist(["order", "--json", &nowhere]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1));
    assert!(run.stderr.contains(&nowhere), "{}", run.stderr);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for args in [&["zoneinfo", "--machine", "eight-boards"][..], &["order", "--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonelist"));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{args:?}");
    }
}
