//! Output of reports: text or JSON, on stdout or in a file.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::{Serialize, Serializer};
use zonelist_machines::{LinuxRules, RulesWarning, one_line};
use zonelist_schemes::{barrier, conditions::Conditions};

use crate::{arguments::ChosenRules, table::wrapped};

/// The form of the output.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Print JSON instead of text, to a file if one is named.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub json: Option<Option<PathBuf>>,
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {error}; expected a file that can be written")]
pub struct OutputError {
    /// The file, or `stdout`.
    pub file: String,
    /// The system's error.
    #[source]
    pub error: io::Error,
}

impl OutputArgs {
    /// Writes the report in the requested form.
    ///
    /// # Errors
    /// The file or stdout can't be written. A closed pipe on stdout is no error.
    pub fn write<R: Serialize + Display>(&self, report: &R) -> Result<(), OutputError> {
        match &self.json {
            Some(Some(path)) => File::create(path)
                .and_then(|file| write_json(BufWriter::new(file), report))
                .map_err(|error| failed(path, error)),
            Some(None) => to_stdout(|stdout| write_json(stdout, report)),
            None => to_stdout(|stdout| write!(stdout, "{report}")),
        }
    }

    /// Writes the report of a machine in the requested form, with the rules that it follows.
    ///
    /// # Errors
    /// As for [`OutputArgs::write`].
    pub fn write_by_rules<R: Serialize + Display>(
        &self,
        report: &R,
        machine: &str,
        rules: &ChosenRules,
    ) -> Result<(), OutputError> {
        rules.warn(machine);
        self.write(&ByRules { report, rules: rules.rules, assumed: rules.assumed() })
    }

    /// Writes the report in the requested form, with the conditions under which it was measured.
    ///
    /// # Errors
    /// As for [`OutputArgs::write`].
    pub fn write_measured<R: Serialize + Display>(
        &self,
        report: &R,
        conditions: &Conditions,
    ) -> Result<(), OutputError> {
        self.write(&Measured { barrier: barrier(), conditions, report })
    }
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Stdout can't be written.
pub fn print_json(value: &impl Serialize) -> Result<(), OutputError> {
    to_stdout(|stdout| write_json(stdout, value))
}

/// A report of a measurement, with its conditions.
#[derive(Serialize)]
struct Measured<'r, R> {
    barrier: &'static str,
    conditions: &'r Conditions,
    #[serde(flatten)]
    report: &'r R,
}

impl<R: Display> Display for Measured<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nBarrier pair between readers and writers: {}.", self.report, self.barrier)?;
        writeln!(f, "{}", wrapped(&format!("Conditions: {}.", self.conditions.line())))
    }
}

/// A report that follows the rules of one version of Linux. Its JSON names them; its text does if they are assumed.
#[derive(Serialize)]
struct ByRules<'r, R> {
    #[serde(flatten)]
    report: &'r R,
    #[serde(serialize_with = "as_text")]
    rules: LinuxRules,
    #[serde(skip)]
    assumed: Option<&'r RulesWarning>,
}

impl<R: Display> Display for ByRules<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)?;
        self.assumed.map_or(Ok(()), |note| writeln!(f, "\nNote: {note}."))
    }
}

/// Prints a message to stderr as one line: line breaks in quoted names and values are escaped.
pub fn print_to_stderr(message: &str) {
    // A closed stderr is no error: there is no other place for the message.
    let _ = writeln!(io::stderr(), "{}", one_line(message));
}

/// Serializes a value as its displayed text.
///
/// # Errors
/// Those of the serializer.
pub fn as_text<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn write_json(mut file: impl Write, report: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut file, report)?;
    file.write_all(b"\n")?;
    file.flush()
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failed(Path::new("stdout"), error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: io::Error) -> OutputError {
    OutputError { file: path.display().to_string(), error }
}
