//! The long set runs every test program that has a long form.

use crate::files::source_files;

/// The recipe that runs the long set.
const RECIPES: &str = "benches/xtask/src/main.rs";

#[test]
fn the_long_set_has_every_test_program_with_a_long_form() {
    let files = source_files();
    let recipes = &files.iter().find(|(path, _)| path == RECIPES).expect("the recipes").1;
    let (_, list) = recipes.split_once("WITH_A_LONG_FORM").expect("the list");
    let list = &list[..list.find(";\n\n").expect("the end of the list")];
    let mut found = 0;
    for (path, text) in &files {
        // A call of one of the functions, or a read of the variable.
        let is_long = ["is_long()", "cases(", "\"ZONELIST_LONG\""].iter().any(|part| text.contains(part));
        let Some((folder, program)) = path.split_once("/tests/").filter(|_| is_long) else { continue };
        // The tests of this folder name the variable without reading it.
        let program = program.split(['/', '.']).next().unwrap_or_default();
        if (folder, program) == ("benches/verify", "words") {
            continue;
        }
        let package = folder.rsplit('/').next().unwrap_or_default();
        let package = if package.starts_with("zonelist-") { package.into() } else { format!("zonelist-{package}") };
        assert!(
            list.contains(&format!("({package:?}, {program:?})")),
            "{path}: the long set lacks {package}, {program}"
        );
        found += 1;
    }
    assert!(found > 10, "only {found} files with a long form are found");
}
