//! The fuzz targets: what is done with the bytes of one input. None of them may panic.
//!
//! The tests of `zonelist-machines` run them on the corpus, without a fuzzer.

use std::{env, fs, path::PathBuf, process, thread};

use zonelist_core::topology::{Machine, Rules};
use zonelist_machines::{
    MachineRecord,
    computed::{fallback_order, picture::Picture, zoneinfo},
    live, parse_zoneinfo, sysfs,
};

/// A target: its name, which is that of its corpus, and the code.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 3] = [("machine_file", machine_file), ("folder", folder), ("zoneinfo", zoneinfo)];

/// A machine file is read, or refused with the value that was expected.
pub fn machine_file(json: &[u8]) {
    match MachineRecord::parse(json) {
        Ok(record) => compute(record.machine()),
        Err(problem) => assert!(problem.to_string().contains("expected"), "{problem}"),
    }
}

/// A folder of nodes is read, or refused with the name of the file and the value that was expected.
///
/// The input has a record for each file: a letter for its name, its content, and a line with a dot.
pub fn folder(input: &[u8]) {
    const NAMES: [&str; 18] = [
        "possible",
        "online",
        "has_cpu",
        "has_memory",
        "has_normal_memory",
        "node0/cpulist",
        "node0/cpumap",
        "node0/distance",
        "node0/meminfo",
        "node1/cpulist",
        "node1/cpumap",
        "node1/distance",
        "node1/meminfo",
        "node7/cpulist",
        "node7/cpumap",
        "node7/distance",
        "node7/meminfo",
        "node1024/cpulist",
    ];
    let folder = Folder::new("folder");
    let mut rest = input;
    while let Some((&letter, content)) = rest.split_first() {
        let end = content.windows(3).position(|part| part == b"\n.\n");
        let name = NAMES[usize::from(letter.wrapping_sub(b'a')) % NAMES.len()];
        folder.write(name, &content[..end.unwrap_or(content.len())]);
        rest = end.map_or(&[], |end| &content[end + 3..]);
    }
    match sysfs(&folder.0) {
        Ok(loaded) => compute(&loaded.machine),
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with(&*folder.0.to_string_lossy()) && message.contains("expected"), "{message}");
        }
    }
}

/// A text of `/proc/zoneinfo` is read or refused, and a kernel with such a text has fallback orders.
pub fn zoneinfo(text: &[u8]) {
    if let Ok(text) = str::from_utf8(text)
        && let Err(problem) = parse_zoneinfo(text)
    {
        assert!(problem.to_string().contains("expected"), "{problem}");
    }
    let folder = Folder::new("kernel");
    folder.write("proc/zoneinfo", text);
    for (name, content) in
        [("min_free_kbytes", "67584"), ("watermark_scale_factor", "10"), ("lowmem_reserve_ratio", "256 256 32 0 0")]
    {
        folder.write(&format!("proc/sys/vm/{name}"), content.as_bytes());
    }
    let loaded = live(&folder.0).expect("orders need no sizes");
    assert_ne!(loaded.machine.memory().is_some(), loaded.no_sizes.is_some());
    compute(&loaded.machine);
}

/// Computes and prints what the command derives from a machine.
fn compute(machine: &Machine) {
    // A row for each pair of nodes and rules: more nodes take longer and show nothing else.
    if machine.nodes().len() > 64 {
        return;
    }
    for (_, rules) in Rules::TABLE {
        let _ = fallback_order::Report::new(machine, rules).to_string();
        let _ = Picture::new(machine, rules).to_string();
        if let Some(report) = zoneinfo::Report::new(machine, rules) {
            assert!(report.zones.iter().all(|zone| zone.min <= zone.low && zone.low <= zone.high));
            let _ = report.to_string();
        }
    }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let own = format!("zonelist-{name}-{}-{:?}", process::id(), thread::current().id());
        let folder = env::temp_dir().join(own);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
