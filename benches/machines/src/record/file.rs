//! A machine file as its JSON says it: syntax and types are right, values may contradict each other.

use serde::Deserialize;

use super::{
    by_node::ByNode,
    entries::{BlockRecord, Boot, BuddyRecord, Sysctl, ZoneRange, ZoneRecord},
    kind::Kind,
    step::Step,
};
use crate::error::Problem;

/// A machine file that is parsed and not yet validated.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct MachineFile {
    /// The machine's name.
    pub name: Option<String>,
    /// What the machine shows.
    pub description: Option<String>,
    /// The version of the kernel that ran on it.
    pub kernel: Option<String>,
    /// The kernel's command line.
    #[serde(default)]
    pub boot_options: String,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of a memory block, the unit of memory hotplug.
    pub block_pages: u64,
    /// Pages of a pageblock, the unit of mobility.
    pub pageblock_pages: u64,
    /// The zone kinds that the kernel has, ascending.
    pub zone_kinds: Vec<Kind>,
    /// Possible nodes.
    pub possible: Vec<u32>,
    /// Distances between the possible nodes; row = from.
    pub distance: Vec<Vec<u32>>,
    /// The CPUs of each node.
    pub cpus: ByNode<Vec<u32>>,
    /// True if transparent huge pages raise `min_free_kbytes`.
    pub thp: bool,
    /// Nodes at boot, and what the kernel logged.
    pub boot: Boot,
    /// The tunables.
    pub sysctl: Sysctl,
    /// True if the watermarks and reserves of `zones` were recorded after a recomputation.
    pub settled: Option<bool>,
    /// The populated zones.
    pub zones: Vec<ZoneRecord>,
    /// Page frames of zones, where spans overlap and blocks do not determine the owner.
    #[serde(default)]
    pub zone_ranges: Vec<ZoneRange>,
    /// The memory blocks.
    #[serde(default)]
    pub blocks: Vec<BlockRecord>,
    /// Numbers of blocks with missing pages, which can't go offline.
    #[serde(default)]
    pub blocks_with_holes: Vec<u64>,
    /// The memory devices, such as DIMMs: the first block and the number of blocks of each. `None` if not known.
    pub dimms: Option<Vec<(u64, u64)>>,
    /// Free blocks of pages.
    #[serde(default)]
    pub buddy: Vec<BuddyRecord>,
    /// The operations after boot, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

impl MachineFile {
    /// Parses the content of a file.
    ///
    /// # Errors
    /// The content is not JSON, or a key is missing, is repeated or has a value of another type.
    pub fn parse(json: &[u8]) -> Result<Self, Problem> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let file: Self = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let place = error.path().to_string();
            Problem::Json { place: if place == "." { String::new() } else { place }, error: error.into_inner() }
        })?;
        // Content after the object is an error, too.
        deserializer.end().map_err(|error| Problem::Json { place: String::new(), error })?;
        Ok(file)
    }
}
