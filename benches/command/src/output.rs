//! Where a report goes: text for people, JSON for programs.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use zonelist_schemes::barrier;

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
    /// Where to.
    pub file: String,
    /// Why not.
    #[source]
    pub error: io::Error,
}

impl OutputArgs {
    /// Writes the report in the form that was asked for.
    ///
    /// # Errors
    /// The file or stdout can't be written. A reader of stdout that has gone away is no error.
    pub fn write<R: Serialize + Display>(&self, report: &R) -> Result<(), OutputError> {
        match &self.json {
            Some(Some(path)) => File::create(path)
                .and_then(|file| write_json(BufWriter::new(file), report))
                .map_err(|error| failed(path, error)),
            Some(None) => to_stdout(|stdout| write_json(stdout, report)),
            None => to_stdout(|stdout| write!(stdout, "{report}")),
        }
    }

    /// The same, and says which barrier pair was measured.
    ///
    /// # Errors
    /// As for [`OutputArgs::write`].
    pub fn write_measured<R: Serialize + Display>(&self, report: &R) -> Result<(), OutputError> {
        self.write(&Measured { barrier: barrier(), report })
    }
}

/// A report of something measured, with the barrier pair that it was measured with.
#[derive(Serialize)]
struct Measured<'r, R> {
    barrier: &'static str,
    #[serde(flatten)]
    report: &'r R,
}

impl<R: Display> Display for Measured<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nBarrier pair between readers and writers: {}.", self.report, self.barrier)
    }
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
