//! A page is moved while somebody uses it, gives it up, or makes another movable.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Exchange, Handle, HandleError, Movables, MoveError, Mover, Owners, Page,
    conformance::models::{Bound, explore},
    sync::Track,
};

/// Two frames, and what is in them.
type Memory = Arc<[Track; 2]>;

/// Copies from one to the other.
struct Copies(Memory);

impl Mover for Copies {
    fn move_page(&self, _: Handle, from: Page, to: Page) -> Result<(), MoveError> {
        self.0[from.pfn() as usize].read();
        self.0[to.pfn() as usize].write();
        Ok(())
    }
}

/// Has frame 1 to give, and overwrites what comes back.
struct Other(Memory);

impl Exchange for Other {
    fn take(&mut self, _: Page) -> Option<Page> {
        Some(page(1))
    }

    fn give(&mut self, page: Page) {
        self.0[page.pfn() as usize].write();
    }
}

fn page(pfn: u64) -> Page {
    Page::from_word(1 << 63 | pfn).unwrap()
}

/// Moves frame 0's page away while its user does something.
fn moved_under_its_user(name: &str, user: fn(&Movables<'static, Copies>, Handle, &Memory) -> Page) {
    let ends = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ends);
    explore(name, Bound::Exhaustive, move || {
        let memory: Memory = Arc::new([Track::new(), Track::new()]);
        let movables = Arc::new(Movables::boxed(Copies(Arc::clone(&memory)), 1));
        let handle = movables.insert(page(0)).unwrap();
        let mover = loom::thread::spawn({
            let (movables, mut other) = (Arc::clone(&movables), Other(Arc::clone(&memory)));
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
        let mine = loop {
            match movables.remove(handle) {
                // The mover looks whether it is one of his.
                Err(HandleError::Held) => loom::thread::yield_now(),
                other => break other.unwrap(),
            }
        };
        memory[mine.pfn() as usize].write();
        // The entry is another page's now, which is not for moving: it is out of the frames.
        let other = movables.insert(page(600)).unwrap();
        assert_eq!(movables.hold(handle).unwrap_err(), HandleError::Gone);
        assert_eq!(movables.hold(other).unwrap().page(), page(600));
        mine
    });
}
