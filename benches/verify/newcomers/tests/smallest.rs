//! The smallest scheme of the documentation is held to the facts that it declares: all tests pass.

zonelist_core::facts!(smallest: newcomers::smallest::Locked = newcomers::smallest::Locked::default());

#[test]
fn its_text_has_fewer_than_40_lines() {
    let lines = include_str!("../../../../zonelist-core/src/publish/smallest.rs").lines().count();
    assert!(lines < 40, "{lines}");
}
