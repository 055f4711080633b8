//! Sources of machines: what `--machine` names, and how it is loaded.

use std::{
    ffi::OsString,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{
    bounded_read::{MAX_RECORD, read},
    builtin::Builtin,
    error::{Problem, ReadError},
    kernel_files::{is_file_of_nodes, live, sysfs},
    loaded::Loaded,
    record::MachineRecord,
};

/// Where a machine is read from: what `--machine` names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MachineSource {
    /// This computer.
    Live,
    /// A machine file that is compiled into the command.
    Builtin(&'static Builtin),
    /// A machine file, a folder in the layout of `/sys/devices/system/node`, or a copy of a computer's `proc` and `sys`.
    Path(PathBuf),
}

impl MachineSource {
    /// Reads and validates the machine.
    ///
    /// # Errors
    /// The file, the place in it, the value found there and the expected one.
    pub fn load(&self) -> Result<Loaded, ReadError> {
        match self {
            Self::Live => live(Path::new("/")),
            Self::Builtin(builtin) => Ok(Loaded::of_record(Path::new(builtin.name), builtin.record()?)),
            // A copy of a computer's `proc` and `sys`, with sizes.
            Self::Path(path) if path.join("proc/zoneinfo").is_file() => live(path),
            Self::Path(path) if path.is_dir() || is_file_of_nodes(path) => sysfs(path),
            Self::Path(path) => Ok(Loaded::of_record(path, record_of_file(path)?)),
        }
    }

    /// The machine files of this source, validated: its one file, or all `.json` files of a folder, sorted by name.
    ///
    /// # Errors
    /// Those of [`MachineSource::load`]; also a source that is neither a machine file nor a folder of machine files.
    pub fn records(&self) -> Result<Vec<MachineRecord>, ReadError> {
        let folder = match self {
            Self::Path(path) if self.is_folder() => path,
            _ => return Ok(vec![self.record()?]),
        };
        let failed = |error: io::Error| Problem::from(error).in_file(folder);
        let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|file| file.is_file() && file.extension().is_some_and(|extension| extension == "json"));
        files.sort_unstable();
        if files.is_empty() {
            return Err(Problem::NoRecord.in_file(folder));
        }
        files.into_iter().map(|file| Self::Path(file).record()).collect()
    }

    /// True for a folder, which may hold any number of machine files.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Path(path) if path.is_dir())
    }

    /// The name of the source in messages and reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Live => "live".into(),
            Self::Builtin(builtin) => builtin.name.into(),
            Self::Path(path) => path.display().to_string(),
        }
    }

    /// The validated machine file of a source that is one; a file without a name takes that of its source.
    fn record(&self) -> Result<MachineRecord, ReadError> {
        let no_record = || Problem::NoRecord.in_file(Path::new(&self.name()));
        Ok(self.load()?.record.ok_or_else(no_record)?.named(self.name()))
    }
}

impl From<OsString> for MachineSource {
    /// `live` is this computer, a name of a built-in machine is that machine, and everything else is a path.
    fn from(name: OsString) -> Self {
        match name.to_str() {
            Some("live") => Self::Live,
            text => match text.and_then(Builtin::named) {
                Some(builtin) => Self::Builtin(builtin),
                None => Self::Path(name.into()),
            },
        }
    }
}

/// Reads and validates a machine file.
fn record_of_file(path: &Path) -> Result<MachineRecord, ReadError> {
    match read(path, MAX_RECORD) {
        Ok(json) => parse(path, &json),
        // The argument may be a mistyped name as well as a path, so the message lists the names.
        Err(ReadError { problem: Problem::Io(error), file }) if error.kind() == ErrorKind::NotFound => {
            Err(ReadError { file: format!("--machine {file}"), problem: Problem::NoSuchMachine })
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn parse(file: &Path, json: &[u8]) -> Result<MachineRecord, ReadError> {
    MachineRecord::parse(json).map_err(|problem| problem.in_file(file))
}
