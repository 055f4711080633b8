//! The machine that a running kernel describes.
//!
//! Nodes come from `/sys/devices/system/node`, sizes of zones from `/proc/zoneinfo`, tunables from `/proc/sys/vm`.
//! A kernel without NUMA has no such folder; its machine is one node 0 with all CPUs.
//! Where sizes or tunables can't be read, the machine has no memory description.

use std::{fs, path::Path, str::FromStr};

use zonelist_core::topology::{LOCAL_DISTANCE, Machine, MachineDescription, Memory, Tunables};

use super::{node_folder, zoneinfo};
use crate::{
    bounded_read::read_text,
    error::{Problem, ReadError},
    loaded::Loaded,
};

/// The machine that a running kernel describes below `root`, which is `/` or a copy of its files.
///
/// # Errors
/// A file's content is nothing that a kernel prints.
pub fn live(root: &Path) -> Result<Loaded, ReadError> {
    let folder = root.join("sys/devices/system/node");
    let mut description = if folder.is_dir() { node_folder::describe(&folder)? } else { one_node(root)? };
    description.memory = memory(root)?;
    let wrong = |error| Problem::Machine { section: "", error }.in_file(Path::new("live"));
    let (machine, warning) = Machine::new(description).map_err(wrong)?;
    let kernel = read_text(&root.join("proc/sys/kernel/osrelease")).ok();
    Ok(Loaded { machine, warning, kernel, record: None })
}

/// The machine of a kernel without NUMA.
fn one_node(root: &Path) -> Result<MachineDescription, ReadError> {
    let online = root.join("sys/devices/system/cpu/online");
    let cpus = if online.exists() {
        [(0, node_folder::list(&online, node_folder::MAX_CPUS)?)].into()
    } else {
        Default::default()
    };
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

/// Sizes and tunables; `None` if one of them can't be read.
fn memory(root: &Path) -> Result<Option<Memory>, ReadError> {
    let path = root.join("proc/zoneinfo");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let (kinds, zones) = zoneinfo::parse(&text).map_err(|problem| problem.in_file(&path))?;
    if zones.is_empty() {
        return Ok(None);
    }
    let vm = root.join("proc/sys/vm");
    let (Some(min_free), Some(scale_factor), Some(mut ratios)) = (
        numbers(&vm.join("min_free_kbytes"))?,
        numbers(&vm.join("watermark_scale_factor"))?,
        numbers(&vm.join("lowmem_reserve_ratio"))?,
    ) else {
        return Ok(None);
    };
    let (&[min_free_kbytes], &[watermark_scale_factor]) = (&min_free[..], &scale_factor[..]) else {
        return Ok(None);
    };
    // Before 4.16 the highest kind had no ratio, since nothing is reserved in it.
    if ratios.len() + 1 == kinds.len() {
        ratios.push(0);
    }
    let page_bytes = rustix::param::page_size() as u64;
    let tunables = Tunables { min_free_kbytes, watermark_scale_factor, lowmem_reserve_ratio: ratios };
    Ok(Some(Memory { page_bytes, pageblock_pages: pageblock_pages(root, page_bytes)?, kinds, zones, tunables }))
}

/// Pages of a huge page; without huge pages, of the largest block of the kernel's allocator.
fn pageblock_pages(root: &Path, page_bytes: u64) -> Result<u64, ReadError> {
    const LARGEST_BLOCK: u64 = 1 << 10;
    let huge = numbers(&root.join("sys/kernel/mm/transparent_hugepage/hpage_pmd_size"))?;
    Ok(huge.and_then(|bytes: Vec<u64>| bytes.first().map(|bytes| bytes / page_bytes)).unwrap_or(LARGEST_BLOCK))
}

/// The numbers of a file; `None` if it can't be read.
fn numbers<T: FromStr>(path: &Path) -> Result<Option<Vec<T>>, ReadError> {
    let Ok(text) = read_text(path) else { return Ok(None) };
    let number = |(index, word): (usize, &str)| {
        let place = format!("entry {}", index + 1);
        word.parse().map_err(|_| Problem::value(place, format_args!("{word:?}"), "a number").in_file(path))
    };
    text.split_ascii_whitespace().enumerate().map(number).collect::<Result<_, _>>().map(Some)
}
