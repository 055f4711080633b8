//! Models of movable pages: a page is moved while its user holds it, removes it, or inserts another page.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Page, Pfn,
    conformance::models::{Bound, explore},
    page_alloc::{Handle, HandleError, Migrate, MigrationSource, MigrationTargets, MovablePages, MoveError},
    sync::Track,
};

/// The content of three frames: loom reports concurrent accesses.
type Memory = Arc<[Track; 3]>;

/// Migrates by an access to both frames.
struct Copies(Memory);

impl Migrate for Copies {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        self.0[from.pfn().number() as usize].read();
        self.0[to.pfn().number() as usize].write();
        Ok(())
    }
}

/// Allocates one frame as the target, and overwrites each freed frame.
struct Targets(Memory, u64);

impl MigrationTargets for Targets {
    fn alloc_target(&mut self, _: &Page) -> Option<Page> {
        Some(page(self.1))
    }

    fn free_source(&mut self, page: Page) {
        self.0[page.pfn().number() as usize].write();
    }
}

fn page(pfn: u64) -> Page {
    // SAFETY: the frames have no memory, and no code relies on the ownership of such a page.
    unsafe { Page::from_raw(1 << 63 | pfn) }.unwrap()
}

fn memory() -> Memory {
    Arc::new([Track::new(), Track::new(), Track::new()])
}

/// Moves the page of frame 0 while `user` runs, which returns the frame of the page that it had last.
fn moved_under_its_user(name: &str, user: fn(&MovablePages<'static, Copies>, Handle, &Memory) -> u64) {
    let ends = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ends);
    explore(name, Bound::Exhaustive, move || {
        let memory = memory();
        let pages = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = pages.insert(page(0)).unwrap();
        let mover = loom::thread::spawn({
            let (pages, mut targets) = (Arc::clone(&pages), Targets(Arc::clone(&memory), 1));
            move || pages.move_away(&Pfn::range(0..1), &mut targets).unwrap()
        });
        let last = user(&pages, handle, &memory);
        seen.fetch_or(1 << last, Relaxed);
        mover.join().unwrap();
    });
    assert_eq!(ends.load(Relaxed), 0b11, "expected executions in which the page is moved, and others");
}

#[test]
fn a_page_that_is_held_is_not_moved() {
    moved_under_its_user("movables: moved under its user", |pages, handle, memory| {
        let held = pages.hold(handle).unwrap();
        let pfn = held.page().pfn();
        memory[pfn.number() as usize].write();
        assert_eq!(held.page().pfn(), pfn);
        pfn.number()
    });
}

#[test]
fn a_page_that_is_removed_is_moved_before_or_not_at_all() {
    moved_under_its_user("movables: removed while it is moved", |pages, handle, memory| {
        // Without a guard: the search of a move must not count as one.
        let mine = pages.remove(handle).unwrap();
        memory[mine.pfn().number() as usize].write();
        // The entry gets another page, which is out of the frames and so must not be moved.
        let other = pages.insert(page(600)).unwrap();
        assert_eq!(pages.hold(handle).unwrap_err(), HandleError::Gone);
        assert_eq!(pages.hold(other).unwrap().page().pfn(), Pfn::new(600));
        mine.pfn().number()
    });
}

#[test]
fn try_calls_report_that_a_page_is_being_moved() {
    let results = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&results);
    explore("movables: tried while it is moved", Bound::Exhaustive, move || {
        let memory = memory();
        let pages = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = pages.insert(page(0)).unwrap();
        let mover = loom::thread::spawn({
            let (pages, mut targets) = (Arc::clone(&pages), Targets(Arc::clone(&memory), 1));
            move || pages.move_away(&Pfn::range(0..1), &mut targets).unwrap()
        });
        match pages.try_hold(handle).map(|held| held.page().pfn()) {
            Ok(pfn) => seen.fetch_or(1 << pfn.number(), Relaxed),
            Err(HandleError::Moving) => seen.fetch_or(1 << 2, Relaxed),
            Err(error) => panic!("{error}"),
        };
        let removed = match pages.try_remove(handle) {
            Ok(page) => {
                memory[page.pfn().number() as usize].write();
                seen.fetch_or(1 << (3 + page.pfn().number()), Relaxed);
                true
            }
            Err(HandleError::Moving) => {
                seen.fetch_or(1 << 5, Relaxed);
                false
            }
            Err(error) => panic!("{error}"),
        };
        mover.join().unwrap();
        assert_ne!(pages.try_hold(handle).is_ok(), removed);
    });
    assert_eq!(
        results.load(Relaxed),
        0b11_1111,
        "each result occurs: page 0, page 1, and that the page is being moved"
    );
}

/// Moves pages while a user replaces one by another, one of which is pinned outside of the frames: no page of the
/// frames may be reported as pinned.
fn replaced_during_a_move(name: &str, [first, second]: [u64; 2], pinned: [bool; 2]) {
    explore(name, Bound::Exhaustive, move || {
        let memory = memory();
        let pages = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let insert = move |pages: &MovablePages<'static, Copies>, pfn, pinned| {
            let handle = pages.insert(page(pfn)).unwrap();
            if pinned {
                pages.pin(handle).unwrap();
            }
            handle
        };
        let handle = insert(&pages, first, pinned[0]);
        let mover = loom::thread::spawn({
            let (pages, mut targets) = (Arc::clone(&pages), Targets(Arc::clone(&memory), 1));
            move || pages.move_away(&Pfn::range(0..1), &mut targets)
        });
        let _ = pages.remove(handle).unwrap();
        insert(&pages, second, pinned[1]);
        assert_eq!(mover.join().unwrap(), Ok(()), "no page of the frames was ever pinned");
    });
}

#[test]
fn a_page_that_is_pinned_elsewhere_keeps_no_memory_online() {
    replaced_during_a_move("movables: pinned after it left", [0, 600], [false, true]);
    replaced_during_a_move("movables: pinned before it came", [600, 0], [true, false]);
}

#[test]
fn a_page_is_moved_by_one_thread_at_a_time() {
    let ends = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ends);
    explore("movables: two movers", Bound::Exhaustive, move || {
        let memory = memory();
        let pages = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = pages.insert(page(0)).unwrap();
        let mover = |frame| {
            let (pages, mut targets) = (Arc::clone(&pages), Targets(Arc::clone(&memory), frame));
            move || pages.move_away(&Pfn::range(0..1), &mut targets).unwrap()
        };
        let other = loom::thread::spawn(mover(2));
        mover(1)();
        // No guard ever existed, so this must not fail.
        let last = pages.remove(handle).unwrap();
        memory[last.pfn().number() as usize].write();
        other.join().unwrap();
        seen.fetch_or(1 << last.pfn().number(), Relaxed);
    });
    assert_eq!(ends.load(Relaxed), 0b110, "either of the two moves it");
}
