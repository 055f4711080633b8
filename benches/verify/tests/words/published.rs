//! Which packages can be published: the four libraries, and no other.

use std::fs;

use zonelist_verify::{LIBRARIES, workspace};

/// `cargo publish --workspace --dry-run` names only the first package that it refuses, so this test looks at each.
#[test]
fn only_the_libraries_can_be_published() {
    let read = |path: &str| fs::read_to_string(workspace().join(path).join("Cargo.toml")).expect(path);
    let root = read("");
    let members = root.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > LIBRARIES.len(), "{members:?}");
    for member in members {
        let manifest = read(member);
        let refused = ["publish = false", "never-published.workspace = true"];
        let refused = refused.iter().filter(|setting| manifest.lines().any(|line| line == **setting)).count();
        let expected = usize::from(!LIBRARIES.contains(&member));
        assert_eq!(refused, expected, "{member}: expected `publish = false` or `never-published` if it is no library");
    }
}
