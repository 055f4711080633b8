//! Rules: the differences between Linux versions that change results.

/// The version of Linux whose computation is followed, as the behaviour in which versions differ.
///
/// ```
/// use zonelist_core::topology::Rules;
/// assert_eq!(Rules::default(), Rules::LINUX_6_1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// How the load of a node changes when it is picked first among nodes at one distance.
    pub node_load: NodeLoad,
    /// True if an empty zone has a lowmem reserve too, and a reserve ratio of 0 counts as 1 (until 5.7).
    pub empty_zones_reserve: bool,
    /// True if zonelists contain zones with managed pages (4.9 to 5.17), false if those with present pages.
    pub lists_managed_only: bool,
    /// The upper bound of `min_free_kbytes` as hotplug computes it, in KiB (65,536 until 5.7).
    pub max_min_free_kbytes: u64,
    /// True if hotplug raises `min_free_kbytes` for transparent huge pages (since 5.10).
    pub hotplug_regards_huge_pages: bool,
    /// True if every possible node has a list, online or not (since 5.18, "mm: handle uninitialized numa nodes
    /// gracefully"). Before, a node got its list when it went online.
    pub offline_nodes_have_lists: bool,
}

/// How the load of a node changes when it is picked first among nodes at one distance.
///
/// Loads break ties of distance in later rows, so that equally distant nodes are first in about as many rows each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeLoad {
    /// It becomes the number of online nodes minus the nodes already in the row (until 5.15).
    SetDescending,
    /// It grows by one (since 5.19, "mm/page_alloc: adding same penalty is enough to get round-robin order").
    AddOne,
}

impl Rules {
    /// Linux 6.1, whose behaviour the recorded machines show.
    pub const LINUX_6_1: Self = Self {
        node_load: NodeLoad::AddOne,
        empty_zones_reserve: false,
        lists_managed_only: false,
        max_min_free_kbytes: 262_144,
        hotplug_regards_huge_pages: true,
        offline_nodes_have_lists: true,
    };

    /// Linux 4.14, the first kernel that rebuilt zonelists under racing readers.
    pub const LINUX_4_14: Self = Self {
        node_load: NodeLoad::SetDescending,
        empty_zones_reserve: true,
        lists_managed_only: true,
        max_min_free_kbytes: 65_536,
        hotplug_regards_huge_pages: false,
        offline_nodes_have_lists: false,
    };
}

impl Default for Rules {
    fn default() -> Self {
        Self::LINUX_6_1
    }
}
