//! Times of reads of the first zone, through the trait and by hand. The two must not differ.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zonelist_contenders::{
    contender::{Baseline, Contender, by_hand},
    timing::set_up,
};
use zonelist_core::NodeId;
use zonelist_schemes::{self as schemes, SchemeId, workload::synthetic};

fn first_zone(criterion: &mut Criterion) {
    let lists = synthetic(8);
    let mut draw = fastrand::Rng::with_seed(1);
    let nodes: Vec<NodeId> = (0..1024).filter_map(|_| NodeId::new(draw.u16(..2))).collect();
    let mut group = criterion.benchmark_group("first zone");
    group.throughput(Throughput::Elements(nodes.len() as u64));
    let mut time = |name: &str, how: &str, mut contender: Box<dyn Contender>| {
        group.bench_function(BenchmarkId::new(name, how), |bench| bench.iter(|| contender.independent(&nodes)));
    };
    time("raw", "by hand", Box::new(Baseline::new(lists.lists())));
    for scheme in SchemeId::all() {
        if let Some(hand) = by_hand(scheme.name(), lists.lists(), schemes::asymmetric()) {
            time(scheme.name(), "by hand", hand);
        }
        if let Ok(through) = set_up(scheme, lists.lists()) {
            time(scheme.name(), "through the trait", through);
        }
    }
    group.finish();
}

/// The time of a read must not grow with the machine.
fn nodes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first zone by nodes");
    for count in [1_u16, 4, 16, 64, 256, 1024] {
        let lists = synthetic(usize::from(count) * 4);
        // No more than four nodes are read on any machine, so that lists grow and the load of the CPU caches does not.
        let nodes: Vec<NodeId> = (0..1024).filter_map(|i| NodeId::new(i % count.min(4))).collect();
        for scheme in SchemeId::all() {
            if let Ok(mut through) = set_up(scheme, lists.lists()) {
                group.throughput(Throughput::Elements(nodes.len() as u64));
                group.bench_function(BenchmarkId::new(scheme.name(), count), |bench| {
                    bench.iter(|| through.independent(&nodes));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, first_zone, nodes);
criterion_main!(benches);
