//! The counts of instructions that the file `instructions.json` has are those of this build.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

use zonelist_contenders::{instructions::CountError, recorded_counts::Recorded};

use crate::{release_build, skipped};

/// The file, from this package.
const FILE: &str = "instructions.json";

/// The command that rewrites it.
const BLESS: &str = "`ZONELIST_BLESS=1 cargo test --package zonelist-contenders --test budgets recorded`";

#[test]
fn the_recorded_counts_are_those_of_this_build() {
    let (compiler, bless) = (compiler(), env::var_os("ZONELIST_BLESS").is_some());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let recorded = (!bless).then(|| read(&file));
    if let Some(recorded) = recorded.as_ref().filter(|recorded| recorded.compiler != compiler) {
        // No skip that `ZONELIST_STRICT` forbids: the counts of another compiler are expected to differ.
        println!("skipped: the counts are those of {}, and this is {compiler}", recorded.compiler);
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let counted = match Recorded::count(&release_build(), compiler, folder) {
        Ok(counted) => counted,
        Err(CountError::NoValgrind) => {
            skipped("valgrind is not installed, so no instructions were counted");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let Some(recorded) = recorded else {
        fs::write(&file, text(&counted)).expect("the file can be written");
        return;
    };
    let differences: Vec<String> = counted.differences(&recorded).iter().map(ToString::to_string).collect();
    assert!(
        differences.is_empty(),
        "{}\n{FILE} has other counts; if the change is meant, {BLESS} rewrites it",
        differences.join("\n")
    );
}

#[test]
fn the_text_of_the_file_is_that_of_its_counts() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    assert_eq!(fs::read_to_string(&file).unwrap(), text(&read(&file)));
}

fn read(file: &Path) -> Recorded {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{FILE}: {error}; {BLESS} writes it"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}; {BLESS} rewrites it"))
}

/// JSON with a line for each contender, so that a difference shows the contenders that changed.
fn text(recorded: &Recorded) -> String {
    let name = |name: &String| serde_json::to_string(name).expect("a string");
    let mut text = format!("{{\n\"compiler\": {},\n\"counts\": {{\n", name(&recorded.compiler));
    for (number, (contender, counts)) in recorded.counts.iter().enumerate() {
        let comma = if number + 1 < recorded.counts.len() { "," } else { "" };
        writeln!(text, "{}: {}{comma}", name(contender), serde_json::to_string(counts).expect("numbers"))
            .expect("a string takes any text");
    }
    text + "}}\n"
}

/// The compiler that cargo runs, with its commit.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").current_dir(env!("CARGO_MANIFEST_DIR")).output();
    String::from_utf8_lossy(&output.expect("the compiler runs").stdout).trim().to_owned()
}
