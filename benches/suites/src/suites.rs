//! The suites.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput};
use zonelist_core::{NodeId, zone::Order};
use zonelist_schemes::workload::synthetic;

use crate::Subject;

/// Operations of one iteration, so that the call of a loop is a small part of it.
const OPERATIONS: usize = 1024;

fn nodes() -> Vec<NodeId> {
    (0..OPERATIONS as u16).filter_map(|read| NodeId::new(read % 2)).collect()
}

/// Reads of first zones, and of whole lists.
pub fn reads(criterion: &mut Criterion, subject: &Subject) {
    let nodes = nodes();
    for zones in [8, 64] {
        let lists = synthetic(zones);
        let publication = subject.publish(lists.lists());
        let Ok(mut reader) = publication.reader() else { continue };
        let (title, first) = if zones == 8 { ("first zone of 8", true) } else { ("walk of 64", false) };
        let mut group = criterion.benchmark_group("reads");
        group.throughput(Throughput::Elements(nodes.len() as u64));
        group.bench_function(BenchmarkId::new(title, subject.name), |bench| {
            bench.iter(|| if first { reader.independent(&nodes) } else { reader.full(&nodes) });
        });
        group.finish();
    }
}

/// Publishes of two versions in turn, beside a reader between walks.
pub fn publishes(criterion: &mut Criterion, subject: &Subject) {
    let versions = [synthetic(8), synthetic(7)];
    let publication = subject.publish(versions[0].lists());
    let mut group = criterion.benchmark_group("publishes");
    let registered = publication.beside_readers(1, &mut || {
        let mut turn = 0;
        group.bench_function(subject.name, |bench| {
            bench.iter(|| {
                turn += 1;
                publication.publish(versions[turn % 2].lists())
            });
        });
    });
    registered.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    group.finish();
}

/// Reads of first zones, while another thread publishes 1000 times a second.
///
/// A reader is registered for each batch, so that a publish that waits for readers waits for a batch at most.
pub fn reads_under_publishing(criterion: &mut Criterion, subject: &Subject) {
    let (nodes, versions, name) = (nodes(), [synthetic(8), synthetic(7)], subject.name);
    let publication = subject.publish(versions[0].lists());
    let stop = AtomicBool::new(false);
    let mut group = criterion.benchmark_group("reads under publishing");
    group.throughput(Throughput::Elements(nodes.len() as u64));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed, with the store below: the value carries no data.
            for turn in (0..2).cycle().take_while(|_| !stop.load(Relaxed)) {
                publication.publish(versions[turn].lists()).unwrap_or_else(|error| panic!("{name}: {error}"));
                thread::sleep(Duration::from_millis(1));
            }
        });
        group.bench_function(name, |bench| {
            bench.iter_custom(|batches| {
                let mut time = Duration::ZERO;
                for _ in 0..batches {
                    let Ok(mut reader) = publication.reader() else { continue };
                    let begin = Instant::now();
                    std::hint::black_box(reader.independent(&nodes));
                    time += begin.elapsed();
                }
                time
            });
        });
        stop.store(true, Relaxed);
    });
    group.finish();
}

/// Waits for a grace period, beside a reader between walks. Nothing for a scheme without grace periods.
pub fn grace_periods(criterion: &mut Criterion, subject: &Subject) {
    let lists = synthetic(8);
    let Some(mut wait) = subject.wait(lists.lists()) else { return };
    let mut group = criterion.benchmark_group("grace periods");
    group.bench_function(subject.name, |bench| bench.iter(&mut *wait));
    group.finish();
}

/// An allocation and its free, of an order that the per-CPU pages keep, and of one that they do not.
pub fn allocation(criterion: &mut Criterion, subject: &Subject) {
    let (lists, nodes) = (synthetic(8), vec![NodeId::new(0).expect("below the limit"); OPERATIONS]);
    let mut group = criterion.benchmark_group("allocation");
    group.throughput(Throughput::Elements(nodes.len() as u64));
    for order in [Order::ZERO, Order::of::<4>()] {
        let mut pairs = subject.pairs(lists.lists(), order);
        group.bench_function(BenchmarkId::new(format!("order {order}"), subject.name), |bench| {
            bench.iter(|| pairs.pairs(&nodes));
        });
    }
    group.finish();
}

/// A memory block goes online, and offline again.
pub fn hotplug(criterion: &mut Criterion, subject: &Subject) {
    let mut toggle = subject.toggle();
    let mut group = criterion.benchmark_group("hotplug of a block");
    group.bench_function(subject.name, |bench| bench.iter(&mut *toggle));
    group.finish();
}
