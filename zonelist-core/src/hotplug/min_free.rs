//! `vm.min_free_kbytes` as the kernel sets it itself, after every block that comes or goes.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: calculate_min_free_kbytes`, `mm/khugepaged.c:
//! set_recommended_min_free_kbytes`. Both look at the pages above the high marks, which themselves
//! follow from the value: so it depends on the marks from before, and on history.

use crate::{Memory, ZoneId, total_pages};

/// The kernel keeps the value in an int.
const MOST: u64 = i32::MAX as u64;

/// The value for so much memory: the square root of 16 times the KiB above the high marks, in the
/// zones that the kernel itself allocates from.
///
/// `high` gives a zone's high mark as it was before, 0 for a new one. The kernel then holds the
/// value between 128 and [`Rules::max_min_free_kbytes`](crate::Rules::max_min_free_kbytes).
#[must_use]
pub fn scaled_min_free_kbytes(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    kernel_pages(memory, high).saturating_mul(memory.page_bytes / 1024).saturating_mul(16).isqrt()
}

/// The value that transparent huge pages want at least: eleven pageblocks for each zone that the
/// kernel allocates from, two and one for each pair of three mobilities, but no more than a
/// twentieth of the pages above the high marks; in KiB, below 2^31.
#[must_use]
pub fn huge_page_min_free_kbytes(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    const PAGEBLOCKS: u64 = 2 + 3 * 3;
    let populated = memory.zones.iter().filter(|size| size.present > 0 && size.zone.kind().is_kernel());
    let wanted = memory.pageblock_pages.saturating_mul(PAGEBLOCKS).saturating_mul(populated.count() as u64);
    wanted.min(kernel_pages(memory, high) / 20).saturating_mul(memory.page_bytes / 1024).min(MOST)
}

fn kernel_pages(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    let outside = |zone: ZoneId| if zone.kind().is_kernel() { high(zone) } else { u64::MAX };
    total_pages(&memory.zones, outside)
}
