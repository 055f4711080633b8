//! t
use zonelist_bench::{compare::*, machine::*, schemes, workload::*};
use zonelist_core::*;
fn main() {
    let m = MachineSource::from(std::ffi::OsString::from("seed")).load().unwrap().machine;
    let t = Toggle::of(&m, Rules::default());
    let mut t = Timing::new(&schemes::facts(), &t.versions[1], m.nodes(), 1).unwrap();
    for _ in 0..61 {
        t.round();
    }
    let p = |n: &str, t: Timed| {
        println!(
            "{n:20} first {:?} dep {:?} hand {:?} full {:?}",
            t.first.map(|m| (m.ns, m.ratio)),
            t.dependent.map(|m| (m.ns, m.ratio)),
            t.by_hand.map(|m| (m.ns, m.ratio)),
            t.full.iter().map(|m| (m.ns, m.ratio)).collect::<Vec<_>>()
        )
    };
    p("raw", t.raw());
    for f in schemes::facts() {
        p(f.scheme, t.scheme(f.scheme));
    }
}
