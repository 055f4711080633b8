//! The public API of the four libraries, as text that is checked in: a change of it shows in the diff of a commit.
//!
//! The listings are made from the sources, without a compiler: see [`listing`]. `cargo xtask semver` compares the API with
//! that of a release.

mod crate_items;
mod listing;
mod text;

use std::{env, fs};

use zonelist_verify::{LIBRARIES, workspace};

const BLESS: &str = "`ZONELIST_BLESS=1 cargo test --package zonelist-verify --test api`";

#[test]
fn the_public_api_is_the_one_that_is_checked_in() {
    for package in LIBRARIES {
        let lines = listing::of(&workspace().join(package).join("src"));
        let path = format!("docs/api/{package}.txt");
        if env::var_os("ZONELIST_BLESS").is_some() {
            fs::create_dir_all(workspace().join("docs/api")).expect("the folder of the listings");
            fs::write(workspace().join(&path), lines.join("\n") + "\n").expect("a listing is written");
            continue;
        }
        let listed = fs::read_to_string(workspace().join(&path)).expect("a listing; BLESS writes it");
        let listed: Vec<&str> = listed.lines().collect();
        let added: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !listed.contains(line)).collect();
        let removed: Vec<&str> = listed.iter().copied().filter(|line| !lines.iter().any(|it| it == line)).collect();
        assert!(
            lines == listed,
            "{path} differs from the sources; {BLESS} writes it\nonly in the sources: {added:#?}\nonly in the listing: \
             {removed:#?}"
        );
    }
}

#[test]
fn a_listing_has_public_items_only() {
    let folder = env::temp_dir().join(format!("zonelist-api-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("lib.rs"), LIB).expect("a source");
    fs::write(folder.join("inner.rs"), INNER).expect("a source");
    let lines = listing::of(&folder);
    fs::remove_dir_all(&folder).expect("the folder");
    assert_eq!(lines, LISTED);
}

const LIB: &str = r#"
mod inner;
pub mod outer { pub use crate::inner::{Shown, make as build}; #[cfg(feature = "x")] pub const ONE: u8 = 1; const TWO: u8 = 2; }
/// Documented.
#[macro_export] macro_rules! exported { () => {}; }
macro_rules! private { () => {}; }
#[cfg(test)] mod tests { pub fn hidden() {} }
"#;

const INNER: &str = r#"
#[derive(Clone, Debug)] #[non_exhaustive] pub struct Shown<'m, T: Copy = u8> { pub open: &'m T, closed: T }
impl<'m, T: Copy> Shown<'m, T> { const_fn! { /// Documented.
    #[must_use] pub const fn new(value: &'m T) -> Self { loop {} } } pub(crate) fn hidden(&self) {} fn private(&self) {} }
impl<T: Copy> Drop for Shown<'_, T> { fn drop(&mut self) {} }
pub fn make<R>(f: impl FnOnce(&mut u8) -> R) -> R { f(&mut 0) }
pub struct Unreachable;
impl Unreachable { pub fn new() -> Self { Self } }
"#;

const LISTED: [&str; 9] = [
    "impl<'m, T: Copy> Shown<'m, T>: pub const fn new(value: &'m T) -> Self #[must_use]",
    "impl<T: Copy> Drop for Shown<'_, T>",
    "macro_rules! exported",
    "pub const outer::ONE: u8 #[cfg(feature = \"x\")]",
    "pub fn make<R>(f: impl FnOnce(&mut u8) -> R) -> R",
    "pub mod outer",
    "pub struct Shown<'m, T: Copy = u8> { pub open: &'m T, .. } #[derive(Clone, Debug)] #[non_exhaustive]",
    "pub use outer::Shown = crate::inner::Shown",
    "pub use outer::build = crate::inner::make",
];
