//! A run: threads that write and remove pages, and the balancer beside them.

use std::{
    fs,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use zonelist_core::{Zone, hotplug::MemoryBlockState};

use crate::{
    balancer::Counts,
    error::PoolError,
    pool::Pool,
    tiers::{BLOCK, FIRST_SPARE, PAGE_BYTES, boot},
};

/// The size of a run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Threads that write and remove pages.
    pub threads: usize,
    /// The steps of each thread.
    pub steps: usize,
    /// Keys at the peak of the load.
    pub keys: usize,
    /// Blocks of the far tier that come and go.
    pub spares: u64,
}

/// What is resident at one time, in MiB.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub struct Sample {
    pub seconds: f64,
    pub near: f64,
    pub far: f64,
    /// The memory of all blocks that are online.
    pub online: f64,
    /// The resident set of the process, by the system.
    pub rss: f64,
}

/// The result of a run in which no page was lost or altered.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is what its name says")]
pub struct Outcome {
    pub samples: Vec<Sample>,
    pub counts: Counts,
    pub verified: usize,
    /// Writes that found no free page, as the far tier grows behind the load.
    pub full: usize,
}

/// Runs the load: the keys in use become more, then fewer.
///
/// # Errors
/// A page was lost or altered, or the machine failed. The first error of any thread ends the run and is returned.
pub fn run(size: Size) -> Result<Outcome, PoolError> {
    // A page that changes its tier has two handles for a moment, and one thread balances.
    let tiers = boot(size.spares, size.keys + 1)?;
    let pool = Pool::new(&tiers, size.keys);
    let progress = Progress { running: AtomicUsize::new(size.threads), ..Progress::default() };
    let (mut samples, mut counts) = (Vec::new(), Counts::default());
    thread::scope(|scope| {
        for thread in 0..size.threads {
            let (pool, progress) = (&pool, &progress);
            scope.spawn(move || {
                let _done = Done(&progress.running);
                progress.note(work(pool, size, thread, progress));
            });
        }
        progress.note(keep(&pool, &progress, &mut samples, &mut counts));
    });
    let Progress { full, error, .. } = progress;
    error.into_inner().map_or(Ok(()), Err)?;
    let mut local = tiers.provider().allocator().local()?;
    (0..size.keys).try_for_each(|key| pool.remove(key, &mut local))?;
    drop(local);
    tiers.provider().allocator().drain()?;
    let zones = tiers.provider().allocator().zones();
    let [free, managed] = [Zone::free_pages, Zone::managed].map(|of| zones.iter().map(of).sum());
    if free != managed {
        return Err(PoolError::Lost { free, managed });
    }
    Ok(Outcome { samples, counts, verified: pool.verified.load(Relaxed), full: full.into_inner() })
}

/// What the threads of a run share, beside the pool.
#[derive(Debug, Default)]
struct Progress {
    /// Workers that are not done.
    running: AtomicUsize,
    /// Writes that found no free page.
    full: AtomicUsize,
    /// The first error. Later ones may follow from it.
    error: OnceLock<PoolError>,
}

impl Progress {
    /// Notes an error, unless there was one before. Threads end at their next step.
    fn note(&self, result: Result<(), PoolError>) {
        if let Err(error) = result {
            let _ = self.error.set(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.error.get().is_some()
    }
}

/// Counts a worker as done, also after an error.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The share of the keys in use at a time from 0 to 1.
fn share(time: f64) -> f64 {
    (0.1 + 2.4 * time).min(1.0).min(0.1 + 2.4 * (1.0 - time))
}

/// One worker: writes keys in use, low keys more often, and removes those that are not in use any more.
fn work(pool: &Pool<'_>, size: Size, thread: usize, progress: &Progress) -> Result<(), PoolError> {
    let mut local = pool.tiers.provider().allocator().local()?;
    let mut draw = fastrand::Rng::with_seed(thread as u64);
    for step in 0..size.steps {
        if progress.has_failed() {
            break;
        }
        let in_use = (size.keys as f64 * share(step as f64 / size.steps as f64)) as usize;
        let key = draw.usize(..size.keys);
        if key >= in_use {
            pool.remove(key, &mut local)?;
        }
        let key = (in_use as f64 * draw.f64().powi(3)) as usize;
        if !pool.write(key, draw.u64(..), &mut local)? {
            progress.full.fetch_add(1, Relaxed);
            thread::yield_now();
        }
    }
    Ok(())
}

/// The balancer: passes until the workers are done, and then until the far tier is small again.
fn keep(pool: &Pool<'_>, progress: &Progress, samples: &mut Vec<Sample>, counts: &mut Counts) -> Result<(), PoolError> {
    let mut local = pool.tiers.provider().allocator().local()?;
    let (begun, mut passes_left) = (Instant::now(), 20);
    while passes_left > 0 && !progress.has_failed() {
        if progress.running.load(Relaxed) == 0 {
            passes_left -= 1;
        }
        let [near, far] = pool.balance(&mut local, counts)?;
        pool.resize(counts)?;
        let blocks = pool.tiers.state().blocks().iter().filter(|it| it.state != MemoryBlockState::Offline).count();
        samples.push(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            near: mib(near * PAGE_BYTES),
            far: mib(far * PAGE_BYTES),
            online: mib((FIRST_SPARE as usize + blocks) * BLOCK as usize * PAGE_BYTES),
            rss: mib(resident()? * rustix::param::page_size()),
        });
    }
    Ok(())
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The resident pages of the process.
fn resident() -> Result<usize, PoolError> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let resident = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    resident.ok_or_else(|| std::io::Error::other(format!("/proc/self/statm: {statm}")).into())
}
