//! Real memory behind frames: its addresses, and when it is resident.

use std::{process::Command, ptr::NonNull};

use crate::made_up;
use zonelist_core::{
    NodeId, Pfn,
    hotplug::{Arena, ArenaError},
};

const NODE: NodeId = NodeId::new(0).unwrap();
const BYTES: usize = 4096;
/// Frames of 64 MiB.
const FRAMES: u64 = 1 << 14;

fn fill(arena: &Arena, frames: std::ops::Range<u64>) {
    for pfn in frames {
        // SAFETY: the frame is committed, and only this thread accesses it.
        unsafe { arena.address(Pfn::new(pfn)).unwrap().cast::<u64>().write(pfn + 1) };
    }
}

/// The resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * page_bytes()
}

fn page_bytes() -> u64 {
    // The resident bytes after one write are those of one page.
    let arena = Arena::reserve(Pfn::range(0..512), BYTES).unwrap();
    arena.commit(NODE, Pfn::range(0..512)).unwrap();
    fill(&arena, 0..1);
    arena.resident(Pfn::range(0..1)).unwrap()
}

#[test]
fn frames_are_resident_while_committed_and_written() {
    let arena = Arena::reserve(Pfn::range(100..100 + 4 * FRAMES), BYTES).unwrap();
    let part = 612..612 + FRAMES;
    assert_eq!(arena.resident(arena.frames()).unwrap(), 0);
    arena.commit(NODE, Pfn::range(part.clone())).unwrap();
    assert_eq!(arena.resident(Pfn::range(part.clone())).unwrap(), 0);
    let before = resident();
    fill(&arena, part.clone());
    assert_eq!(arena.resident(Pfn::range(part.clone())).unwrap(), FRAMES * BYTES as u64);
    let full = resident();
    arena.release(Pfn::range(part.clone())).unwrap();
    assert_eq!(arena.resident(arena.frames()).unwrap(), 0);
    // Other tests of this process may allocate or free some memory meanwhile.
    let (whole, tolerance) = (FRAMES * BYTES as u64, 8 << 20);
    let after = resident();
    assert!(full >= before + whole - tolerance && after + whole <= full + tolerance, "{before}, {full}, {after}");
    arena.commit(NODE, Pfn::range(part.clone())).unwrap();
    for pfn in part {
        // SAFETY: the frame is committed, and only this thread accesses it.
        assert_eq!(unsafe { arena.address(Pfn::new(pfn)).unwrap().cast::<u64>().read() }, 0);
    }
}

#[test]
fn frames_and_addresses_are_inverse() {
    let arena = Arena::reserve(Pfn::range(700..5000), BYTES).unwrap();
    for pfn in [700, 1024, 4999] {
        let address = arena.address(Pfn::new(pfn)).unwrap();
        assert_eq!(arena.frame_of(address), Some(Pfn::new(pfn)));
        // SAFETY: the address is within the frame.
        assert_eq!(arena.frame_of(unsafe { address.add(BYTES - 1) }), Some(Pfn::new(pfn)));
    }
    assert_eq!(arena.address(Pfn::new(1024)).unwrap().addr().get() % (512 * BYTES), 0);
    assert!(arena.address(Pfn::new(699)).is_none() && arena.address(Pfn::new(5000)).is_none());
    let last = arena.address(Pfn::new(4999)).unwrap().addr().get();
    for outside in [last + BYTES, arena.address(Pfn::new(700)).unwrap().addr().get() - 1, 1] {
        assert_eq!(arena.frame_of(NonNull::new(std::ptr::without_provenance_mut(outside)).unwrap()), None);
    }
    let page = |pfn: u64, order: u64| made_up::page_of_word(1 << 63 | order << 58 | pfn).unwrap();
    assert_eq!(arena.bytes(&page(1024, 3)).unwrap().len(), 8 * BYTES);
    assert!(arena.bytes(&page(4992, 4)).is_none());
}

#[test]
fn impossible_ranges_are_errors() {
    for (bytes, frames) in [(1000, 0..1), (1, 0..1), (0, 0..1)] {
        assert!(matches!(Arena::reserve(Pfn::range(frames), bytes), Err(ArenaError::PageBytes { .. })), "{bytes}");
    }
    for frames in [5..5, 0..1 << 60, 0..u64::MAX] {
        assert!(matches!(Arena::reserve(Pfn::range(frames), BYTES), Err(ArenaError::Length { .. })));
    }
    let error = Arena::reserve(Pfn::range(0..1 << 43), BYTES).unwrap_err();
    let by_number = matches!(error, ArenaError::Length { .. });
    assert_eq!(
        by_number,
        usize::BITS < 64,
        "beyond the address space, and on 32 bits beyond what a word can count: {error}"
    );
    // Half of the address space, the longest that an object may be, alignment included.
    let half = (isize::MAX as usize / BYTES) as u64;
    assert!(matches!(Arena::reserve(Pfn::range(0..half), BYTES), Err(ArenaError::Length { .. })));
    let arena = Arena::reserve(Pfn::range(10..20), BYTES).unwrap();
    for (start, end) in [(9, 12), (12, 21), (12, 12), (15, 12)] {
        let error =
            ArenaError::Frames { start: Pfn::new(start), end: Pfn::new(end), arena: (Pfn::new(10), Pfn::new(20)) };
        assert_eq!(arena.commit(NODE, Pfn::range(start..end)), Err(error));
        assert_eq!(arena.release(Pfn::range(start..end)), Err(error));
        assert_eq!(arena.resident(Pfn::range(start..end)), Err(error));
    }
}

#[test]
fn memory_is_bound_if_the_host_has_such_a_node() {
    let arena = Arena::reserve(Pfn::range(0..512), BYTES).unwrap();
    let far = NodeId::new(1000).unwrap();
    assert_eq!(arena.commit(far, Pfn::range(0..512)), Ok(false), "no host has that many nodes");
    let has_nodes = std::fs::read_to_string("/sys/devices/system/node/has_memory").unwrap_or_default();
    let bound = arena.commit(NODE, Pfn::range(0..512)).unwrap();
    println!("nodes of this host with memory: {has_nodes:?}; bound to node 0: {bound}");
    assert!(!bound || has_nodes.trim().is_empty() || has_nodes.starts_with('0'));
    fill(&arena, 0..512);
}

/// The name of the next test, which a child process runs in order to fault.
const FAULTS: &str = "hotplug::arena::an_access_to_released_frames_faults";

#[test]
fn an_access_to_released_frames_faults() {
    use std::os::unix::process::ExitStatusExt;
    let arena = Arena::reserve(Pfn::range(0..512), BYTES).unwrap();
    arena.commit(NODE, Pfn::range(0..512)).unwrap();
    fill(&arena, 0..512);
    arena.release(Pfn::range(256..512)).unwrap();
    fill(&arena, 0..256);
    if std::env::var_os("ZONELIST_FAULTS").is_some() {
        fill(&arena, 256..257);
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let status = child.args([FAULTS, "--exact"]).env("ZONELIST_FAULTS", "1").output().unwrap().status;
    // 11 is SIGSEGV, 10 on some systems SIGBUS.
    assert!(matches!(status.signal(), Some(10 | 11)), "{status:?}");
}
