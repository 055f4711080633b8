//! The files that the package writes.

use std::{fs, process::Command};

use clap::CommandFactory as _;
use zonelist_bench::cli::Cli;

/// Writes the files into a folder.
fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_zonelist-manual")).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

#[test]
fn every_subcommand_has_a_page_and_is_completed() {
    let folder = written();
    let read =
        |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let completions = ["zonelist.bash", "zonelist.elv", "zonelist.fish", "_zonelist.ps1", "_zonelist"].map(read);
    let cli = Cli::command();
    for subcommand in cli.get_subcommands() {
        let name = subcommand.get_name();
        let page = read(&format!("zonelist-{name}.1"));
        assert!(page.contains(".TH") && page.contains(r"\-\-help"), "{name}: {page}");
        for option in subcommand.get_arguments().filter(|it| !it.is_hide_set()).filter_map(|it| it.get_long()) {
            assert!(page.contains(&format!("--{option}").replace('-', r"\-")), "{name}: {option} is not in {page}");
        }
        assert!(completions.iter().all(|text| text.contains(name)), "{name}");
    }
    let page = read("zonelist.1");
    assert!(page.contains(r"zonelist\-compare(1)") && page.contains(zonelist_bench::cli::TASKS[1].1), "{page}");
}

#[test]
fn bash_completes_a_subcommand_and_an_option() {
    let folder = written();
    for (words, completed) in [("zonelist comp", "compare"), ("zonelist load --sec", "--seconds")] {
        let script = format!(
            "source {}/zonelist.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));
             _zonelist zonelist ${{COMP_WORDS[-1]}} ${{COMP_WORDS[-2]}}; echo ${{COMPREPLY[@]}}",
            folder.path().display()
        );
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), completed, "{words}: {output:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_zonelist-manual")).arg("/dev/null/manual").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
