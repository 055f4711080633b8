//! Which packages can be published: the four libraries, and no other.
//!
//! Cargo does not find a package with `publish = false` as a dependency of another one that it packages. So packages that
//! others depend on have no description, without which crates.io refuses a package.

use std::fs;

use zonelist_verify::{LIBRARIES, workspace};

use crate::files::listed_folders;

#[test]
fn only_the_libraries_can_be_published() {
    let members = listed_folders("members");
    assert!(members.len() > LIBRARIES.len(), "{members:?}");
    for member in &members {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).expect(member);
        let has = |setting: &str| manifest.lines().any(|line| line.starts_with(setting));
        let refused = has("publish = false") || !has("description = ");
        assert_ne!(refused, LIBRARIES.contains(&member.as_str()), "{member}: can it be published?");
    }
}
