//! Times of the fallback order of all nodes: by a sort, and by Linux's scan of all nodes for each position.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use zonelist_core::{
    ZoneId, ZoneKind, Zonelists,
    topology::{FallbackOrder, FallbackOrderInput, Rules},
};
use zonelist_machines::cubic::cubic;
use zonelist_schemes::workload::scattered;

fn orders(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order of all nodes");
    group.sample_size(10);
    for nodes in [64, 256, 1024] {
        let Some(machine) = scattered(nodes, 1) else { continue };
        group.bench_function(BenchmarkId::new("sorted", nodes), |bench| {
            bench.iter(|| FallbackOrder::rebuilt(&machine, Rules::LINUX_6_1));
        });
        group.bench_function(BenchmarkId::new("cubic", nodes), |bench| {
            bench.iter(|| cubic(&FallbackOrderInput::of(&machine), Rules::LINUX_6_1));
        });
        let order = FallbackOrder::rebuilt(&machine, Rules::LINUX_6_1);
        let zones = || machine.nodes().iter().map(|&node| ZoneId::new(node, ZoneKind::Normal));
        group.bench_function(BenchmarkId::new("zonelists", nodes), |bench| {
            bench.iter(|| Zonelists::assemble(&order, zones()));
        });
    }
    group.finish();
}

criterion_group!(benches, orders);
criterion_main!(benches);
