//! The counts of instructions that the file `instructions.json` has are those of this build, and `docs/beside-linux.md`
//! has those of the file.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

use zonelist_contenders::{
    instructions::CountError,
    recorded_counts::{Counts, Recorded},
};
use zonelist_schemes::SchemeId;

use crate::{release_build, skipped};

/// The file, from this package.
const FILE: &str = "instructions.json";

/// The page that has some of its counts, from this package.
const PAGE: &str = "../../docs/beside-linux.md";

/// What surrounds the table of the page.
const TABLE: [&str; 2] = ["<!-- instructions -->\n", "<!-- end of instructions -->"];

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
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
        let text = fs::read_to_string(&page).expect("the page");
        fs::write(page, with_table(&text, &counted)).expect("the page can be written");
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
fn the_page_beside_linux_has_the_recorded_counts() {
    if env::var_os("ZONELIST_BLESS").is_some() {
        // The other test writes both.
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (recorded, page) = (read(&folder.join(FILE)), fs::read_to_string(folder.join(PAGE)).expect("the page"));
    assert_eq!(fs::read_to_string(folder.join(FILE)).unwrap(), text(&recorded), "{BLESS} rewrites {FILE}");
    assert_eq!(page, with_table(&page, &recorded), "{BLESS} rewrites the table");
}

/// The page with the table of these counts.
fn with_table(page: &str, recorded: &Recorded) -> String {
    let (before, rest) = page.split_once(TABLE[0]).expect("the begin of the table");
    let (_, after) = rest.split_once(TABLE[1]).expect("the end of the table");
    let [begin, end] = TABLE;
    format!("{before}{begin}{}{end}{after}", table(recorded))
}

/// Linux' counts, and ours: the range of all schemes.
fn table(recorded: &Recorded) -> String {
    let range = |of: &dyn Fn(&Counts) -> Option<f64>| {
        let schemes = SchemeId::all().into_iter().filter_map(|scheme| of(recorded.counts.get(scheme.name())?));
        let (least, most) = schemes.fold((f64::INFINITY, 0.0_f64), |(least, most), it| (least.min(it), most.max(it)));
        let [least, most] = [least, most].map(|it| count(it.round() as u64));
        if least == most { least } else { format!("{least} to {most}") }
    };
    let raw = recorded.counts["raw"].first_zone.round();
    let hit = |order: usize| range(&|counts| counts.hit.get(order).copied());
    let miss = |order: usize| range(&|counts| counts.miss.get(order).copied());
    let first = range(&|counts| Some(counts.first_zone));
    let remembered = range(&|counts| counts.remembered);
    let rows = [
        ["instructions", "Linux 6.1", "Linux 6.12", "ours, hit", "ours, miss"].map(String::from),
        ["---", "---:", "---:", "---:", "---:"].map(String::from),
        ["first zone of a list", "3 to 6", "3 to 6", &format!("{first}; unprotected {raw}"), ""].map(String::from),
        ["the same, remembered", "", "", &remembered, ""].map(String::from),
        ["order-0 allocation and free", "607 to 755", "736 to 902", &hit(0), &miss(0)].map(String::from),
        ["order-4 allocation and free", "1,446 to 1,918", "1,185 to 2,147", &hit(4), &miss(4)].map(String::from),
        ["order-9 blocks: Linux in a row, each; ours a pair", "7,629", "869", &hit(9), &miss(9)].map(String::from),
    ];
    rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect()
}

/// A number with commas.
fn count(value: u64) -> String {
    if value < 1000 { value.to_string() } else { format!("{},{:03}", count(value / 1000), value % 1000) }
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
