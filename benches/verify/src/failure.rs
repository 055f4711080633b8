//! What a failed test of models has printed: the part that is meant for readers, and the line that names the failure.

/// The lines of a report that are for the test program: places and numbers of interleavings.
const FOR_PROGRAMS: [&str; 2] = ["site\t", "explored\t"];

/// A report without the lines that are for the test program, and without the empty lines before each of them.
#[must_use]
pub fn for_readers(said: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in said.lines() {
        if FOR_PROGRAMS.iter().any(|begin| line.starts_with(begin)) {
            lines.truncate(lines.iter().rposition(|before| !before.is_empty()).map_or(0, |last| last + 1));
        } else {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The first line of a failure, of a test's output and its errors.
#[must_use]
pub fn first_line(said: &str, errors: &str) -> Option<String> {
    let of_model = |line: &&str| line.starts_with("model ");
    let found = errors.lines().find(of_model);
    // A model that is not explored, or that makes no progress, ends the process with a report in the output.
    let mut output = said.lines().skip_while(|line| !of_model(line) || line.contains(" interleavings"));
    let found = found.map(str::to_owned).or_else(|| {
        let line = output.next()?;
        let next = if line.ends_with(':') { output.next().unwrap_or_default() } else { "" };
        Some(format!("{line} {next}").trim_end().to_owned())
    });
    // Any other panic: the message follows the line with the place.
    let of_panic = || errors.lines().skip_while(|line| !line.contains(" panicked at ")).nth(1).map(str::to_owned);
    found.or_else(of_panic)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLORED: &str = "running 1 test\n\nsite\tm\ta.rs:1\tload\tAcquire\n\
                            model s: two: 9 interleavings, exhaustive\n\nexplored\tm\t9\n";

    #[test]
    fn a_report_for_readers_has_no_sites() {
        assert_eq!(for_readers(EXPLORED), "running 1 test\nmodel s: two: 9 interleavings, exhaustive");
    }

    #[test]
    fn a_failure_is_named_by_its_first_line() {
        let panicked = "thread 'a' (1) panicked at a.rs:1:2:\n";
        for (said, errors, expected) in [
            ("", "\nmodel s: one: a walk breaks Snapshot\n\ns: one\n", "model s: one: a walk breaks Snapshot"),
            ("", &format!("{panicked}model s: one: all alike\n"), "model s: one: all alike"),
            ("", &format!("{panicked}assertion failed: one\n"), "assertion failed: one"),
            ("\nmodel s is not explored:\nstd::sync::Mutex\n", "", "model s is not explored: std::sync::Mutex"),
            (
                "\nmodel s: one: for 10 s no thread has made a step\n",
                "",
                "model s: one: for 10 s no thread has made a step",
            ),
        ] {
            let said = format!("{EXPLORED}{said}");
            assert_eq!(first_line(&said, errors).as_deref(), Some(expected));
        }
        assert_eq!(first_line(EXPLORED, ""), None);
    }
}
