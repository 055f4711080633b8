//! A process that enters a sandbox after readers have registered: membarrier(2) fails from then on.

use std::{
    env,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    Request,
    ZoneKind::Movable,
    page_alloc::NotFreed,
    publish::{
        Barrier, BarrierError, FullFence, Membarrier, Parts, Platform, PublishError, Published, ReaderProtocol,
        ReaderSlots, SystemBarrier, Version,
    },
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot},
    zone::Order,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor, asymmetric};

use super::{
    super::child::{ends, verdicts},
    setup::{CAPACITY, NODE, ZONES, allocator, lists, prepared},
};

const FRAMES: u64 = 1 << 13;

/// Denies membarrier(2) to all threads, with EPERM.
fn sandbox() {
    let instruction = |code: u32, jt, jf, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_membarrier as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `prctl` with this option takes no pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
    // SAFETY: `program` has the pointer and the length of `filter`, which the call copies.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    assert_eq!(done, 0, "seccomp: {}", std::io::Error::last_os_error());
}

const DENIED: BarrierError = BarrierError { errno: libc::EPERM };

/// Allocations and frees by a handle at the time when the process enters the sandbox.
struct Denied;

impl Visitor for Denied {
    type Output = String;

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> String {
        let allocator = allocator::<S, P>(&ZONES, FRAMES);
        let owned: Vec<AtomicU8> = (0..2 * FRAMES).map(|_| AtomicU8::new(0)).collect();
        let (over, twice, unfreed) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(None::<NotFreed>));
        let (mut drains, mut publishes, mut wrong) = ([0; 2], [0; 2], 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut local, any) = (allocator.local().unwrap(), prepared(allocator, Movable, Order::ZERO));
                while !over.load(Relaxed) {
                    let pages: Vec<_> = (0..8).filter_map(|_| local.alloc(NODE, &any).ok()).collect();
                    for page in &pages {
                        twice.fetch_add(usize::from(owned[page.pfn().number() as usize].swap(1, Relaxed)), Relaxed);
                    }
                    for page in pages {
                        owned[page.pfn().number() as usize].store(0, Relaxed);
                        if let Err(error) = local.free(page) {
                            *unfreed.lock().unwrap() = Some(error);
                        }
                    }
                }
            });
            thread::sleep(Duration::from_millis(20));
            sandbox();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(300) {
                match allocator.drain() {
                    Ok(pages) => {
                        drains[0] += 1;
                        wrong += usize::from(pages > 0);
                    }
                    Err(DENIED) => drains[1] += 1,
                    Err(_) => wrong += 1,
                }
                match allocator.published().publish(&lists(drains[1] % 2 == 0)) {
                    Ok(_) => publishes[0] += 1,
                    Err(PublishError::Barrier(DENIED)) => publishes[1] += 1,
                    Err(_) => wrong += 1,
                }
            }
            over.store(true, Relaxed);
        });
        let (twice, unfreed) = (twice.load(Relaxed), unfreed.lock().unwrap().take());
        let counts = format!(
            "{twice} frames twice, {unfreed:?}, {wrong} wrong; drains done and failed {drains:?}, publishes {publishes:?}"
        );
        let damage = twice > 0 || unfreed.is_some() || wrong > 0;
        // Publishes that wait for readers fail; others succeed.
        let publishes_fail = S::PROTOCOL != ReaderProtocol::None;
        let right = drains[1] > 0 && (publishes[1] > 0) == publishes_fail && (publishes[0] == 0 || !publishes_fail);
        // The first publishes may have been visible before the failure: the grace period came after the swap.
        let right = right || publishes_fail && publishes[0] <= 2 && publishes[1] > 0 && drains[1] > 0;
        format!("{}: {counts}", if right && !damage { "reported" } else { "wrong" })
    }
}

#[test]
fn a_barrier_that_is_denied_later_is_reported_and_no_frame_is_allocated_twice() {
    if !asymmetric() {
        println!("skipped: this system has no membarrier");
        return;
    }
    let test = "waits::sandbox::a_barrier_that_is_denied_later_is_reported_and_no_frame_is_allocated_twice";
    for (scheme, verdict) in verdicts(test, |scheme: SchemeId| ends(scheme.visit(&mut Denied))) {
        assert!(verdict.starts_with("reported: "), "{}: {verdict}", scheme.name());
    }
}

/// Does a publish, a walk and a grace period, under a pair that is chosen at run time.
fn works() -> Result<Version, PublishError> {
    let published: Published<_, Parts<SystemBarrier>> =
        Published::with_platform(StopWorld::<Box<[Slot]>>::build(CAPACITY), ReaderSlots::boxed(2));
    let mut reader = published.reader().unwrap();
    let filter = published.filter(&Request::up_to(Movable));
    let version = published.publish(&lists(true))?;
    assert_eq!(reader.enter().walk(NODE, &filter).count(), 2);
    assert_eq!(published.synchronize(), Ok(()));
    Ok(version)
}

/// Runs a case in a process of its own, and returns its verdict.
fn in_a_process(test: &str, case: &str) -> String {
    let child =
        Command::new(env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]).env(CASE, case).output();
    let output = String::from_utf8(child.unwrap().stdout).unwrap();
    output.lines().find_map(|line| line.strip_prefix("verdict: ")).unwrap_or_else(|| panic!("{output}")).to_string()
}

const CASE: &str = "ZONELIST_CASE";

/// A process chooses its barrier pair once. A sandbox before the choice makes it full fences; a sandbox after it makes
/// the barrier fail.
#[test]
fn a_pair_that_is_chosen_at_run_time_is_what_the_system_grants_when_it_is_chosen() {
    let test = "waits::sandbox::a_pair_that_is_chosen_at_run_time_is_what_the_system_grants_when_it_is_chosen";
    match env::var(CASE).as_deref() {
        Ok("no sandbox") => ends(format!("{} {:?}", SystemBarrier::name(), works())),
        Ok("before") => {
            sandbox();
            ends(format!("{} {:?}", SystemBarrier::name(), works()));
        }
        Ok("after") => {
            // The registration of the first reader makes the choice.
            let published: Published<_, Parts<SystemBarrier>> =
                Published::with_platform(StopWorld::<Box<[Slot]>>::build(CAPACITY), ReaderSlots::boxed(2));
            let _reader = published.reader().unwrap();
            sandbox();
            ends(format!("{} {:?} {:?}", SystemBarrier::name(), works(), Membarrier::heavy()));
        }
        _ => (),
    }
    let here = if asymmetric() { Membarrier::name() } else { FullFence::name() };
    let (well, denied) = (works(), Err::<Version, _>(PublishError::Barrier(DENIED)));
    assert_eq!(well, Ok(Version::of(1)));
    assert_eq!(in_a_process(test, "no sandbox"), format!("{here} {well:?}"));
    assert_eq!(in_a_process(test, "before"), format!("full fences {well:?}"));
    if asymmetric() {
        assert_eq!(in_a_process(test, "after"), format!("{here} {denied:?} {:?}", Err::<(), _>(DENIED)));
    }
}
