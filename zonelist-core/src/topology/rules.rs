//! Rules: the differences between Linux versions that change results.
//!
//! One table, [`Rules::TABLE`]: a release, and its rules. The rules of each release state what differs from those of
//! the release before.

/// The rules of a version of Linux, as the behaviour in which versions differ.
///
/// ```
/// use zonelist_core::topology::Rules;
/// assert_eq!(Rules::default(), Rules::LINUX_6_1);
/// // The newest rules that are not newer than the release.
/// assert_eq!(Rules::of_release((6, 8)), Some(((6, 7), Rules::LINUX_6_7)));
/// assert_eq!(Rules::of_release((4, 9)), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent difference between versions")]
pub struct Rules {
    /// How the load of a node changes when it is picked first among nodes at one distance.
    pub node_load: NodeLoad,
    /// True if the row of a node without memory begins with the node itself (until 6.6).
    ///
    /// Source: `mm/page_alloc.c: find_next_best_node`, "mm: page_alloc: skip memoryless nodes entirely".
    pub memoryless_nodes_listed: bool,
    /// True if the rebuild that follows a node's last page still counts the node as one with memory (until 6.6).
    ///
    /// Source: `mm/memory_hotplug.c: offline_pages`, "mm: memory_hotplug: drop memoryless node from fallback lists".
    pub emptied_nodes_listed: bool,
    /// True if zonelists contain zones with managed pages (4.9 to 5.17), false if those with present pages.
    ///
    /// Source: `mm/page_alloc.c: build_zonerefs_node`.
    pub lists_managed_only: bool,
    /// True if an empty zone has a lowmem reserve too, and a reserve ratio of 0 counts as 1 (until 5.7).
    ///
    /// Source: `mm/page_alloc.c: setup_per_zone_lowmem_reserve`.
    pub empty_zones_reserve: bool,
    /// True if Movable has a share of `min_free_kbytes`, unless it is high memory (until 6.5). False if its min
    /// watermark is a 1024th of its pages, from 32 to 128 of them, populated or not.
    ///
    /// Source: `mm/page_alloc.c: __setup_per_zone_wmarks`, "mm/page_alloc: fix min_free_kbytes calculation regarding
    /// ZONE_MOVABLE".
    pub movable_has_share: bool,
    /// The upper bound of `min_free_kbytes` as hotplug computes it, in KiB (65,536 until 5.7).
    ///
    /// Source: `mm/page_alloc.c: init_per_zone_wmark_min`.
    pub max_min_free_kbytes: u64,
    /// True if hotplug raises `min_free_kbytes` for transparent huge pages (since 5.10).
    ///
    /// Source: `mm/khugepaged.c: khugepaged_min_free_kbytes_update`.
    pub hotplug_regards_huge_pages: bool,
    /// True if every possible node has a list, online or not (since 5.18). Before, a node got its list when it went
    /// online.
    ///
    /// Source: `mm/page_alloc.c: __build_all_zonelists`, "mm: handle uninitialized numa nodes gracefully".
    pub offline_nodes_have_lists: bool,
    /// True if the policy `auto-movable` for blocks that go online is known (since 5.15).
    ///
    /// Source: `mm/memory_hotplug.c: auto_movable_zone_for_pfn`.
    pub auto_movable: bool,
    /// True if the build at boot logs the sum of present pages as its total (since 6.10). Before, the total is an
    /// estimate that depends on the memory in use.
    ///
    /// Source: `mm/mm_init.c: free_area_init_core`, "mm/mm_init.c: remove meaningless calculation of
    /// zone->managed_pages in free_area_init_core()".
    pub boot_total_is_present: bool,
    /// True if `/proc/zoneinfo` prints the promo watermark (since 6.12).
    ///
    /// Source: `mm/vmstat.c: zoneinfo_show_print`.
    pub prints_promo: bool,
    /// True if a write to `lowmem_reserve_ratio` is refused as a whole for a negative entry or a word that is no
    /// number (since 7.3). Before, a negative entry becomes 0, and the kernel reads up to the first such word.
    ///
    /// Source: `mm/page_alloc.c: lowmem_reserve_ratio_sysctl_handler`.
    pub checks_reserve_ratios: bool,
    /// The upper bound of `watermark_scale_factor` (1,000 until 5.16).
    ///
    /// Source: `kernel/sysctl.c`, "mm/pagealloc: sysctl: change watermark_scale_factor max limit to 30%".
    pub max_watermark_scale_factor: u32,
}

/// How the load of a node changes when it is picked first among nodes at one distance.
///
/// Loads break ties of distance in later rows, so that equally distant nodes are first in about as many rows each.
///
/// Source: `mm/page_alloc.c: build_zonelists`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeLoad {
    /// It becomes the number of online nodes minus the nodes already in the row (until 5.15).
    SetDescending,
    /// It grows by that number (5.16 to 5.18, commit 54d032ced983).
    AddDescending,
    /// It grows by one (since 5.19, "mm/page_alloc: adding same penalty is enough to get round-robin order").
    AddOne,
}

/// The major and minor number of a release: `(6, 12)` for 6.12 and for each of its stable releases.
pub type Release = (u16, u16);

impl Rules {
    /// Linux 4.14, the first kernel that rebuilt zonelists under racing readers.
    pub const LINUX_4_14: Self = Self {
        node_load: NodeLoad::SetDescending,
        memoryless_nodes_listed: true,
        emptied_nodes_listed: true,
        lists_managed_only: true,
        empty_zones_reserve: true,
        movable_has_share: true,
        max_min_free_kbytes: 65_536,
        hotplug_regards_huge_pages: false,
        offline_nodes_have_lists: false,
        auto_movable: false,
        boot_total_is_present: false,
        prints_promo: false,
        checks_reserve_ratios: false,
        max_watermark_scale_factor: 1000,
    };

    /// Linux 5.18.
    pub const LINUX_5_18: Self = Self {
        node_load: NodeLoad::AddDescending,
        offline_nodes_have_lists: true,
        lists_managed_only: false,
        empty_zones_reserve: false,
        max_min_free_kbytes: 262_144,
        hotplug_regards_huge_pages: true,
        auto_movable: true,
        max_watermark_scale_factor: 3000,
        ..Self::LINUX_4_14
    };

    /// Linux 6.1, the default.
    pub const LINUX_6_1: Self = Self { node_load: NodeLoad::AddOne, ..Self::LINUX_5_18 };

    /// Linux 6.6.
    pub const LINUX_6_6: Self = Self { movable_has_share: false, ..Self::LINUX_6_1 };

    /// Linux 6.7.
    pub const LINUX_6_7: Self = Self { memoryless_nodes_listed: false, emptied_nodes_listed: false, ..Self::LINUX_6_6 };

    /// Linux 6.10.
    pub const LINUX_6_10: Self = Self { boot_total_is_present: true, ..Self::LINUX_6_7 };

    /// Linux 6.12.
    pub const LINUX_6_12: Self = Self { prints_promo: true, ..Self::LINUX_6_10 };

    /// Linux 7.3.
    pub const LINUX_7_3: Self = Self { checks_reserve_ratios: true, ..Self::LINUX_6_12 };

    /// Every release whose rules are known, ascending, with its rules.
    pub const TABLE: [(Release, Self); 8] = [
        ((4, 14), Self::LINUX_4_14),
        ((5, 18), Self::LINUX_5_18),
        ((6, 1), Self::LINUX_6_1),
        ((6, 6), Self::LINUX_6_6),
        ((6, 7), Self::LINUX_6_7),
        ((6, 10), Self::LINUX_6_10),
        ((6, 12), Self::LINUX_6_12),
        ((7, 3), Self::LINUX_7_3),
    ];

    /// The newest entry of the table that is not newer than a release; `None` for a release before 4.14.
    #[must_use]
    pub fn of_release(release: Release) -> Option<(Release, Self)> {
        Self::TABLE.into_iter().rev().find(|(first, _)| *first <= release)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::LINUX_6_1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_differs_from_the_one_before() {
        for pair in Rules::TABLE.windows(2) {
            assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1, "{pair:?}");
        }
    }

    #[test]
    fn a_release_has_the_rules_of_the_newest_entry_before_it() {
        let of = |release| Rules::of_release(release).map(|(first, _)| first);
        assert_eq!(of((4, 13)), None);
        assert_eq!(of((4, 19)), Some((4, 14)));
        assert_eq!(of((5, 17)), Some((4, 14)));
        assert_eq!(of((6, 0)), Some((5, 18)));
        assert_eq!(of((6, 9)), Some((6, 7)), "6.9 is before 6.10");
        assert_eq!(of((6, 18)), Some((6, 12)));
        assert_eq!(of((9, 0)), Some((7, 3)));
    }
}
