//! The value of `vm.min_free_kbytes` that the kernel computes after each memory block that goes online or offline.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: calculate_min_free_kbytes`, `mm/khugepaged.c:
//! set_recommended_min_free_kbytes`. Both count the pages above the high watermarks, which themselves follow from the
//! value. So the value depends on the watermarks before, and thus on history.

use crate::{
    ZoneId,
    topology::{Memory, total_pages},
};

/// The kernel stores the value in an `int`.
const MAX_KBYTES: u64 = i32::MAX as u64;

/// The value that follows from the size of memory, in KiB: the square root of 16 times the KiB above the high
/// watermarks of the zones that the kernel itself allocates from.
///
/// `high` returns a zone's high watermark before the change, 0 for a new zone. The kernel then clamps the value to the
/// range from 128 to [`Rules::max_min_free_kbytes`](crate::topology::Rules::max_min_free_kbytes).
#[must_use]
pub fn scaled_min_free_kbytes(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    kernel_pages(memory, high).saturating_mul(memory.page_bytes / 1024).saturating_mul(16).isqrt()
}

/// The least value for transparent huge pages, in KiB, below 2^31: eleven pageblocks for each zone that the kernel
/// allocates from, but at most a twentieth of the pages above the high watermarks.
///
/// Eleven are two, and nine for the pairs of three mobilities.
#[must_use]
pub fn huge_page_min_free_kbytes(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    const PAGEBLOCKS: u64 = 2 + 3 * 3;
    let populated = memory.zones.iter().filter(|size| size.present > 0 && size.zone.kind().is_kernel());
    let wanted = memory.pageblock_pages.saturating_mul(PAGEBLOCKS).saturating_mul(populated.count() as u64);
    wanted.min(kernel_pages(memory, high) / 20).saturating_mul(memory.page_bytes / 1024).min(MAX_KBYTES)
}

/// Pages above the high watermarks of the zones that the kernel itself allocates from.
fn kernel_pages(memory: &Memory, high: impl Fn(ZoneId) -> u64) -> u64 {
    // A watermark beyond any size leaves the other zones out of the sum.
    let above = |zone: ZoneId| if zone.kind().is_kernel() { high(zone) } else { u64::MAX };
    total_pages(&memory.zones, above)
}
