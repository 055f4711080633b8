//! Which packages can be published: the four libraries, and no other.
//!
//! Cargo does not find a package with `publish = false` as a dependency of another one that it packages. So packages that
//! others depend on have no description, without which crates.io refuses a package.

use std::fs;

use zonelist_verify::{LIBRARIES, workspace};

#[test]
fn only_the_libraries_can_be_published() {
    let read = |path: &str| fs::read_to_string(workspace().join(path).join("Cargo.toml")).expect(path);
    let root = read("");
    let members = root.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > LIBRARIES.len(), "{members:?}");
    for member in members {
        let manifest = read(member);
        let has = |setting: &str| manifest.lines().any(|line| line.starts_with(setting));
        let refused = has("publish = false") || !has("description = ");
        assert_ne!(refused, LIBRARIES.contains(&member), "{member}: can it be published?");
    }
}
