//! The root of `zonelist-core`: few names, none of which hides one that every program has.

use zonelist_verify::workspace;

use crate::layers::exports;

/// The names that the root may re-export, at most.
const MOST: usize = 15;

/// The names of `core::prelude` and `std::prelude`.
const PRELUDE: [&str; 33] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Some",
    "String",
    "Sync",
    "ToString",
    "Vec",
];

#[test]
fn the_root_has_few_names_and_hides_none_of_the_prelude() {
    let root = std::fs::read_to_string(workspace().join("zonelist-core/src/lib.rs")).expect("the crate's root");
    let exports = exports(&root);
    assert!((5..=MOST).contains(&exports.len()), "{} names: {exports:?}", exports.len());
    let hiding: Vec<_> = PRELUDE.iter().filter(|name| exports.contains_key(*name)).collect();
    assert!(hiding.is_empty(), "{hiding:?}");
}
