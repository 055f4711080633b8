//! Where machines come from: recorded files, folders in sysfs' layout, this computer.

mod builtin;
mod by_node;
mod check;
pub mod computed;
pub mod cubic;
mod error;
mod golden;
mod list;
mod live;
pub mod replay;
mod step;
mod sysfs;
mod zoneinfo;

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use zonelist_core::{Machine, VoidDistances};

pub use builtin::Builtin;
pub use by_node::ByNode;
pub use error::{Problem, ReadError};
pub use golden::{Block, BlockState, Boot, Buddy, Golden, Kind, Sysctl, Zone, ZoneRange};
pub use list::parse_list;
pub use live::live;
pub use step::{Operation, Step};
pub use sysfs::sysfs;

/// Where a machine is read from: what `--machine` names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MachineSource {
    /// This computer.
    Live,
    /// One that comes with the command.
    Builtin(&'static Builtin),
    /// A recorded machine, or a folder in the layout of `/sys/devices/system/node`.
    Path(PathBuf),
}

/// A machine and what its source had beside it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The machine.
    pub machine: Machine,
    /// Why its distances are not those of the source, if so.
    pub warning: Option<VoidDistances>,
    /// The whole record, if it came from one.
    pub golden: Option<Golden>,
}

impl MachineSource {
    /// Reads the machine.
    ///
    /// # Errors
    /// Names the file, the place in it, what was found and what was expected.
    pub fn load(&self) -> Result<Loaded, ReadError> {
        match self {
            Self::Live => live(Path::new("/")),
            Self::Builtin(builtin) => recorded(Path::new(builtin.name), builtin.json.as_bytes()),
            Self::Path(path) if path.is_dir() => sysfs(path),
            Self::Path(path) => match read(path, MAX_RECORD) {
                Ok(json) => recorded(path, &json),
                Err(ReadError { problem: Problem::Io(error), file }) if error.kind() == ErrorKind::NotFound => {
                    Err(ReadError { file: format!("--machine {file}"), problem: Problem::NoSuchMachine })
                }
                Err(error) => Err(error),
            },
        }
    }

    /// The recorded machines that it stands for: its own record, or those of all `.json` files of a folder, by name.
    ///
    /// # Errors
    /// See [`MachineSource::load`]; also for a source that is no record.
    pub fn records(&self) -> Result<Vec<Golden>, ReadError> {
        let folder = match self {
            Self::Path(path) if self.is_folder() => path,
            _ => return Ok(vec![self.record()?]),
        };
        let failed = |error: io::Error| Problem::from(error).of(folder);
        let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|file| file.is_file() && file.extension().is_some_and(|extension| extension == "json"));
        files.sort_unstable();
        if files.is_empty() {
            return Err(Problem::NoRecord.of(folder));
        }
        files.into_iter().map(|file| Self::Path(file).record()).collect()
    }

    /// Whether it is a folder, which may hold any number of records.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Path(path) if path.is_dir())
    }

    fn record(&self) -> Result<Golden, ReadError> {
        let no_record = || Problem::NoRecord.of(Path::new(&self.name()));
        let mut golden = self.load()?.golden.ok_or_else(no_record)?;
        golden.name.get_or_insert_with(|| self.name());
        Ok(golden)
    }

    /// What messages and reports call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Live => "live".into(),
            Self::Builtin(builtin) => builtin.name.into(),
            Self::Path(path) => path.display().to_string(),
        }
    }
}

impl From<OsString> for MachineSource {
    /// A name that comes with the command stands for that machine, everything else is a path.
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

/// The machine of a record, as [`Golden::parse`] reads it.
fn recorded(file: &Path, json: &[u8]) -> Result<Loaded, ReadError> {
    let golden = Golden::parse(json).map_err(|problem| problem.of(file))?;
    let (machine, warning) = golden.machine().map_err(|problem| problem.of(file))?;
    Ok(Loaded { machine, warning, golden: Some(golden) })
}

/// The longest record: a matrix of 1024 nodes is a tenth of it.
const MAX_RECORD: u64 = 64 << 20;

/// The longest file of a kernel's: its lists and rows of distances fit a page, zoneinfo grows with CPUs.
const MAX_TEXT: u64 = 16 << 20;

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut content));
    match read {
        Ok(len) if len as u64 > limit => Err(Problem::TooLong { limit }.of(path)),
        Ok(_) => Ok(content),
        Err(error) => Err(Problem::Io(error).of(path)),
    }
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    String::from_utf8(read(path, MAX_TEXT)?).map_err(|error| {
        let place = format!("byte {}", error.utf8_error().valid_up_to());
        Problem::value(place, "no UTF-8", "text").of(path)
    })
}

/// Text as one line, whatever it quotes.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
