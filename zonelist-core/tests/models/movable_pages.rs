//! A page is moved while somebody uses it, gives it up, or makes another movable.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Handle, HandleError, Migrate, MigrationSource, MigrationTargets, MovablePages, MoveError, Page,
    conformance::models::{Bound, explore},
    sync::Track,
};

/// Frames, and what is in them.
type Memory = Arc<[Track; 3]>;

/// Copies from one to the other.
struct Copies(Memory);

impl Migrate for Copies {
    fn move_page(&self, _: Handle, from: Page, to: Page) -> Result<(), MoveError> {
        self.0[from.pfn() as usize].read();
        self.0[to.pfn() as usize].write();
        Ok(())
    }
}

/// Has one frame to give, and overwrites what comes back.
struct Other(Memory, u64);

impl MigrationTargets for Other {
    fn alloc_target(&mut self, _: Page) -> Option<Page> {
        Some(page(self.1))
    }

    fn free_source(&mut self, page: Page) {
        self.0[page.pfn() as usize].write();
    }
}

fn page(pfn: u64) -> Page {
    Page::from_word(1 << 63 | pfn).unwrap()
}

fn memory() -> Memory {
    Arc::new([Track::new(), Track::new(), Track::new()])
}

/// Moves frame 0's page away while its user does something.
fn moved_under_its_user(name: &str, user: fn(&MovablePages<'static, Copies>, Handle, &Memory) -> Page) {
    let ends = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ends);
    explore(name, Bound::Exhaustive, move || {
        let memory = memory();
        let movables = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = movables.insert(page(0)).unwrap();
        let mover = loom::thread::spawn({
            let (movables, mut other) = (Arc::clone(&movables), Other(Arc::clone(&memory), 1));
            move || movables.move_away(&(0..1), &mut other).unwrap()
        });
        let last = user(&movables, handle, &memory);
        seen.fetch_or(1 << last.pfn(), Relaxed);
        mover.join().unwrap();
    });
    assert_eq!(ends.load(Relaxed), 0b11, "the page was never moved, or always");
}

#[test]
fn a_page_that_is_held_is_not_moved() {
    moved_under_its_user("movables: moved under its user", |movables, handle, memory| {
        let held = movables.hold(handle).unwrap();
        let page = held.page();
        memory[page.pfn() as usize].write();
        assert_eq!(held.page(), page);
        page
    });
}

#[test]
fn a_page_that_is_removed_is_moved_before_or_not_at_all() {
    moved_under_its_user("movables: removed while it is moved", |movables, handle, memory| {
        // It is never held: a mover's look is no hold.
        let mine = movables.remove(handle).unwrap();
        memory[mine.pfn() as usize].write();
        // The entry is another page's now, which is not for moving: it is out of the frames.
        let other = movables.insert(page(600)).unwrap();
        assert_eq!(movables.hold(handle).unwrap_err(), HandleError::Gone);
        assert_eq!(movables.hold(other).unwrap().page(), page(600));
        mine
    });
}

#[test]
fn try_calls_report_that_a_page_is_being_moved() {
    let said = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&said);
    explore("movables: tried while it is moved", Bound::Exhaustive, move || {
        let memory = memory();
        let movables = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = movables.insert(page(0)).unwrap();
        let mover = loom::thread::spawn({
            let (movables, mut other) = (Arc::clone(&movables), Other(Arc::clone(&memory), 1));
            move || movables.move_away(&(0..1), &mut other).unwrap()
        });
        match movables.try_hold(handle).map(|held| held.page()) {
            Ok(page) => seen.fetch_or(1 << page.pfn(), Relaxed),
            Err(HandleError::Moving) => seen.fetch_or(1 << 2, Relaxed),
            Err(error) => panic!("{error}"),
        };
        let removed = match movables.try_remove(handle) {
            Ok(page) => {
                memory[page.pfn() as usize].write();
                seen.fetch_or(1 << (3 + page.pfn()), Relaxed);
                true
            }
            Err(HandleError::Moving) => {
                seen.fetch_or(1 << 5, Relaxed);
                false
            }
            Err(error) => panic!("{error}"),
        };
        mover.join().unwrap();
        assert_ne!(movables.try_hold(handle).is_ok(), removed);
    });
    assert_eq!(said.load(Relaxed), 0b11_1111, "each answer is given: page 0, page 1, and that it is being moved");
}

/// Moves away beside a user that puts another page in the place of the first: is a page said to be pinned?
fn replaced_under_the_mover(name: &str, [first, second]: [u64; 2], pinned: [bool; 2]) {
    explore(name, Bound::Exhaustive, move || {
        let memory = memory();
        let movables = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let insert = move |movables: &MovablePages<'static, Copies>, pfn, pinned| {
            let handle = movables.insert(page(pfn)).unwrap();
            if pinned {
                movables.pin(handle).unwrap();
            }
            handle
        };
        let handle = insert(&movables, first, pinned[0]);
        let mover = loom::thread::spawn({
            let (movables, mut other) = (Arc::clone(&movables), Other(Arc::clone(&memory), 1));
            move || movables.move_away(&(0..1), &mut other)
        });
        movables.remove(handle).unwrap();
        insert(&movables, second, pinned[1]);
        assert_eq!(mover.join().unwrap(), Ok(()), "no page of the frames was ever pinned");
    });
}

#[test]
fn a_page_that_is_pinned_elsewhere_keeps_no_memory_online() {
    replaced_under_the_mover("movables: pinned after it left", [0, 600], [false, true]);
    replaced_under_the_mover("movables: pinned before it came", [600, 0], [true, false]);
}

#[test]
fn a_page_is_moved_by_one_thread_at_a_time() {
    let ends = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ends);
    explore("movables: two movers", Bound::Exhaustive, move || {
        let memory = memory();
        let movables = Arc::new(MovablePages::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = movables.insert(page(0)).unwrap();
        let mover = |frame| {
            let (movables, mut other) = (Arc::clone(&movables), Other(Arc::clone(&memory), frame));
            move || movables.move_away(&(0..1), &mut other).unwrap()
        };
        let other = loom::thread::spawn(mover(2));
        mover(1)();
        // It was not held.
        let last = movables.remove(handle).unwrap();
        memory[last.pfn() as usize].write();
        other.join().unwrap();
        seen.fetch_or(1 << last.pfn(), Relaxed);
    });
    assert_eq!(ends.load(Relaxed), 0b110, "one of both moves it away");
}
