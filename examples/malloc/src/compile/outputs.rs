//! Builds, and the comparison of all that they write.

use std::{collections::BTreeMap, error::Error, fs, io, path::Path, process::Command};

use super::{
    malloc::Malloc,
    process::{self, Used},
    project::Project,
};

/// Builds a project from nothing.
pub(crate) fn build(project: &Project, malloc: &Malloc) -> io::Result<Used> {
    match fs::remove_dir_all(&project.folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir(&project.folder)?,
    }
    fs::write(project.folder.join("Makefile"), &project.makefile)?;
    let mut make = Command::new("make");
    malloc.set(make.arg("-j4").current_dir(&project.folder));
    process::run(&mut make)
}

/// The contents of all files of a build, by name.
fn outputs(project: &Project) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&project.folder)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(files)
}

/// Builds under each scheme with a storm, and compares every output with a build without the library.
pub(crate) fn compare(project: &Project, library: &Path, schemes: &[&'static str]) -> Result<(), Box<dyn Error>> {
    build(project, &Malloc::Glibc)?;
    let expected = outputs(project)?;
    for &scheme in schemes {
        let log = project.vendor.with_file_name(format!("{scheme}.log"));
        let malloc = Malloc::Ours { library: library.into(), scheme, storm: Some(log.clone()) };
        build(project, &malloc)?;
        let found = outputs(project)?;
        if let Some(name) = expected.keys().chain(found.keys()).find(|name| expected.get(*name) != found.get(*name)) {
            return Err(format!("{scheme}: the output {name} differs; expected the same bytes").into());
        }
        let storms = Storms::read(&log, scheme)?;
        let Storms { processes, changes, moved } = storms;
        println!(
            "{scheme:>18}: {} outputs, all equal; {processes} processes, {changes} changes of the lists, {moved} pages \
             migrated",
            expected.len()
        );
    }
    Ok(())
}

/// The sums of the storms of a build.
struct Storms {
    processes: usize,
    changes: u64,
    moved: u64,
}

impl Storms {
    /// Reads the lines that the processes have written: scheme, changes, pages.
    fn read(log: &Path, scheme: &str) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(log).map_err(|error| format!("{scheme}: no process had a storm: {error}"))?;
        let mut sums = Self { processes: 0, changes: 0, moved: 0 };
        for line in text.lines() {
            let parts: Vec<&str> = line.split(' ').collect();
            let [name, changes, moved] = parts[..] else { return Err(format!("{line}: expected three words").into()) };
            if name != scheme {
                return Err(format!("a process ran under {name}; expected {scheme}").into());
            }
            sums.processes += 1;
            sums.changes += changes.parse::<u64>()?;
            sums.moved += moved.parse::<u64>()?;
        }
        if sums.moved == 0 {
            return Err(format!("{scheme}: no page migrated; expected a storm").into());
        }
        Ok(sums)
    }
}
