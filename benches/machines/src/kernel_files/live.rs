//! The machine that a running kernel describes.
//!
//! Nodes come from `/sys/devices/system/node`, sizes of zones from `/proc/zoneinfo`, tunables from `/proc/sys/vm`.
//! A kernel without NUMA has no such folder; its machine is one node 0 with all CPUs.
//! Where sizes or tunables can't be read or understood, the machine has no memory description, and its source says why.

use std::{path::Path, str::FromStr};

use zonelist_core::topology::{LOCAL_DISTANCE, Machine, MachineDescription, Memory, Tunables};

use super::{
    node_folder::NodeFolder,
    text::{cpu_list, text},
    zoneinfo::{ZoneSizes, parse_zoneinfo},
};
use crate::{
    bounded_read::read_text,
    error::{Problem, ReadError},
    loaded::Loaded,
};

/// The machine that a running kernel describes below `root`, which is `/` or a copy of its files.
///
/// A fault of the sizes leaves a machine without sizes: fallback orders do not need them.
///
/// # Errors
/// The content of a file of nodes is nothing that a kernel prints.
pub fn live(root: &Path) -> Result<Loaded, ReadError> {
    let folder = root.join("sys/devices/system/node");
    let mut read = NodeFolder { folder: &folder, warnings: Vec::new() };
    let mut description = if folder.is_dir() { read.describe()? } else { one_node(root)? };
    let warnings = read.warnings;
    let wrong = |file: &Path, error| Problem::Machine { section: "", error }.in_file(file);
    let mut no_sizes = None;
    match memory(root) {
        Ok(memory) => description.memory = Some(memory),
        Err(error) => no_sizes = Some(error.to_string()),
    }
    let machine = match Machine::new(description.clone()) {
        Ok((machine, _)) => machine,
        Err(error) if description.memory.take().is_some() => {
            no_sizes = Some(wrong(&root.join(ZONEINFO), error).to_string());
            Machine::new(description).map_err(|error| wrong(&folder, error))?.0
        }
        Err(error) => return Err(wrong(&folder, error)),
    };
    let kernel = text(&root.join("proc/sys/kernel/osrelease")).ok().flatten();
    Ok(Loaded { machine, warnings, no_sizes, kernel, record: None })
}

const ZONEINFO: &str = "proc/zoneinfo";

/// The machine of a kernel without NUMA.
fn one_node(root: &Path) -> Result<MachineDescription, ReadError> {
    let online = cpu_list(&root.join("sys/devices/system/cpu/online"))?;
    let cpus = online.filter(|cpus| !cpus.is_empty()).map(|cpus| [(0, cpus)].into()).unwrap_or_default();
    Ok(MachineDescription {
        possible: vec![0],
        distance: vec![vec![LOCAL_DISTANCE.into()]],
        cpus,
        online: vec![0],
        has_cpu: vec![0],
        has_memory: vec![0],
        ..MachineDescription::default()
    })
}

/// Sizes and tunables.
fn memory(root: &Path) -> Result<Memory, ReadError> {
    let path = root.join(ZONEINFO);
    let ZoneSizes { kinds, zones } = parse_zoneinfo(&read_text(&path)?).map_err(|problem| problem.in_file(&path))?;
    if zones.is_empty() {
        return Err(Problem::value("", "no populated zone", "one at least").in_file(&path));
    }
    let vm = root.join("proc/sys/vm");
    let mut ratios = numbers(&vm.join("lowmem_reserve_ratio"))?;
    // Before 4.16 the highest kind had no ratio, since nothing is reserved in it.
    if ratios.len() + 1 == kinds.len() {
        ratios.push(0);
    }
    let tunables = Tunables {
        min_free_kbytes: number(&vm.join("min_free_kbytes"))?,
        watermark_scale_factor: number(&vm.join("watermark_scale_factor"))?,
        lowmem_reserve_ratio: ratios,
    };
    let page_bytes = rustix::param::page_size() as u64;
    Ok(Memory { page_bytes, pageblock_pages: pageblock_pages(root, page_bytes), kinds, zones, tunables })
}

/// Pages of a huge page; without huge pages, of the largest block of the kernel's allocator.
fn pageblock_pages(root: &Path, page_bytes: u64) -> u64 {
    const LARGEST_BLOCK: u64 = 1 << 10;
    let huge = number(&root.join("sys/kernel/mm/transparent_hugepage/hpage_pmd_size"));
    huge.map_or(LARGEST_BLOCK, |bytes: u64| bytes / page_bytes)
}

/// The numbers of a file.
fn numbers<T: FromStr>(path: &Path) -> Result<Vec<T>, ReadError> {
    let number = |(index, word): (usize, &str)| {
        let place = format!("entry {}", index + 1);
        word.parse().map_err(|_| Problem::value(place, format_args!("{word:?}"), "a number").in_file(path))
    };
    read_text(path)?.split_ascii_whitespace().enumerate().map(number).collect()
}

/// The one number of a file.
fn number<T: FromStr>(path: &Path) -> Result<T, ReadError> {
    let mut numbers = numbers(path)?;
    match (numbers.len(), numbers.pop()) {
        (1, Some(number)) => Ok(number),
        (count, _) => Err(Problem::value("", format_args!("{count} numbers"), "one").in_file(path)),
    }
}
