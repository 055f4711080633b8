//! The corpus of each fuzz target, without a fuzzer.

use std::{fs, path::Path};

#[expect(unreachable_pub, reason = "the targets are public in the crate of the fuzzer")]
#[path = "../../../verify/fuzz/src/targets.rs"]
mod targets;

#[test]
fn no_input_of_the_corpus_fails() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let inputs: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 2, "{name}: {inputs:?}");
        inputs.iter().for_each(|input| target(&fs::read(input).unwrap()));
    }
}
