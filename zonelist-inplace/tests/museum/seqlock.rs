//! 6.0 to 6.2 (mended in 2023): a reader that interrupts the writer waits for it.
//!
//! With the sequence number of 6.0, the slow path of an allocation begins with `read_seqbegin`, which waits until the number
//! is even. An interrupt handler allocates too. If it interrupts the rebuild on its own CPU, the number is odd, and
//! stays odd: the rebuild does not go on before the handler returns. "mm/page_alloc: fix potential deadlock on
//! zonelist_update_seq seqlock" (1007843a9190, 6.3) disables interrupts around the rebuild.
//!
//! A reader of `SeqRetry` never waits for the number: it walks, and `must_retry` reports that it may be torn.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed as Now},
};

use zonelist_core::{
    conformance::models::{ROOM, search_interrupts, suite},
    publish::{Published, ReaderSlots},
    sync::traced::Log,
    table::{Slot, Slots},
};
use zonelist_seq::SeqRetry;

use super::kernel::{Counted, M0, N0, Request, allocate};

pub(super) fn seq_retry() -> Published<SeqRetry<Box<[Slot]>>> {
    Published::with_slots(SeqRetry::new(Slots::boxed(ROOM)), ReaderSlots::boxed(1))
}

/// Loads of an odd number by `read_seqbegin` that count as a wait without end.
const FOR_EVER: usize = 3;

#[test]
fn an_interrupt_waits_for_the_rebuild_below_it() {
    let found = search_interrupts("museum: the seqlock", |after| {
        let shared = Arc::new(Counted::new(2, &[N0]));
        let hangs = Arc::new(AtomicBool::new(false));
        Log::call("rebuilds, and is interrupted");
        Log::from_here();
        Log::interrupt(after, {
            let (shared, hangs) = (Arc::clone(&shared), Arc::clone(&hangs));
            move || {
                Log::say("is interrupted; the handler allocates");
                let odd = || shared.cookie() % 2 == 1;
                hangs.store((0..FOR_EVER).all(|_| odd()), Now);
                if hangs.load(Now) {
                    Log::say("waits for ever");
                    Log::end_here();
                } else {
                    allocate(&shared.list, &Request::KERNEL);
                }
            }
        });
        shared.rebuild(&[M0, N0]);
        hangs.load(Now).then(|| "the handler waits for the rebuild, which waits for the handler".into())
    });
    super::exhibited(&found, "seqlock");
    suite::an_interrupt("museum, SeqRetry", || SeqRetry::new(Slots::<Box<[Slot]>>::boxed(ROOM)));
}
