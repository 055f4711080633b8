//! The table of facts in the guide of `zonelist-core`.

use zonelist_core::publish::Facts;
use zonelist_schemes::SchemeId;
use zonelist_verify::workspace;

/// The row of a scheme.
fn row(facts: &Facts) -> String {
    let yes = |fact: bool| if fact { "yes" } else { "no" };
    let &Facts { scheme, guarantee, readers, writer, allocates, .. } = facts;
    format!(
        "| [`{scheme}`] | {guarantee} | {readers} | {writer} | {allocates} | {} | {} | {} | {} | {} | {} |",
        yes(facts.interrupt_safe),
        yes(facts.below_allocator),
        yes(facts.after_fork),
        yes(facts.registers),
        yes(facts.retires),
        yes(facts.no_std),
    )
}

#[test]
fn the_table_has_every_scheme_with_its_facts() {
    let path = workspace().join("zonelist-core/src/guide/which_scheme.md");
    let page = std::fs::read_to_string(path).expect("the chapter");
    for scheme in SchemeId::all() {
        let row = row(scheme.facts());
        assert!(page.lines().any(|line| line == row), "{}: no such row, expected\n{row}", scheme.name());
    }
}

/// The line of a chapter that begins like that, or that names the scheme, of those that are in the table below a heading.
fn line<'p>(page: &'p str, heading: &str, is_wanted: impl Fn(&str) -> bool) -> &'p str {
    let table = page.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    table
        .lines()
        .find(|line| line.starts_with('|') && is_wanted(line))
        .unwrap_or_else(|| panic!("no such line: {heading}"))
}

#[test]
fn the_tables_of_guarantees_and_of_forks_have_every_scheme_in_its_line() {
    let [guarantees, fork] = ["guarantees.md", "fork.md"].map(|file| {
        std::fs::read_to_string(workspace().join("zonelist-core/src/guide").join(file)).expect("the chapter")
    });
    for scheme in SchemeId::all() {
        let &Facts { scheme, guarantee, after_fork, .. } = scheme.facts();
        let name = format!("`{scheme}`");
        let of = line(&guarantees, "# In one table", |line| line.starts_with(&format!("| `{guarantee}` |")));
        assert!(of.contains(&name), "{scheme} is {guarantee}: {of}");
        let child = line(&fork, "# By scheme", |line| line.contains(&name));
        assert_eq!(child.contains("| ends"), after_fork, "{scheme}: {child}");
    }
}

#[test]
fn the_story_has_the_timelines_that_the_museum_finds() {
    let page = std::fs::read_to_string(workspace().join("zonelist-core/src/guide/story.md")).expect("the chapter");
    for exhibit in ["stopped", "two_words", "stale_cursor", "seqlock"] {
        let path = workspace().join("zonelist-inplace/tests/museum").join(exhibit).with_extension("txt");
        let timeline = std::fs::read_to_string(path).expect("the timeline of an exhibit");
        assert!(page.contains(&timeline), "{exhibit}: expected the museum's timeline:\n{timeline}");
    }
}

/// The variants of an enum, in a source of `zonelist-core`.
fn variants(source: &str, name: &str) -> Vec<String> {
    let path = workspace().join("zonelist-core/src").join(source);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let body = text.split(&format!("pub enum {name} {{\n")).nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.unwrap_or_else(|| panic!("{source}: no enum {name}")).lines();
    let names = lines.filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let end = line.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(line.len());
        line.starts_with(char::is_uppercase).then(|| line[..end].to_owned())
    });
    names.collect()
}

#[test]
fn the_chapter_on_failures_has_every_variant_of_every_error() {
    let page = std::fs::read_to_string(workspace().join("zonelist-core/src/guide/failures.md")).expect("the chapter");
    let errors = [
        ("page_alloc/failure.rs", "Refusal"),
        ("page_alloc/non_blocking.rs", "TryAllocError"),
        ("page_alloc/non_blocking.rs", "TryFreeError"),
        ("page_alloc/split.rs", "SplitError"),
        ("page_alloc/movable_handle.rs", "HandleError"),
        ("page_alloc/zone_pool.rs", "SetupError"),
        ("page_alloc/fork.rs", "ForkError"),
        ("publish/reader.rs", "ReaderError"),
        ("publish/publish_error.rs", "PublishError"),
        ("publish/writer.rs", "WaitError"),
        ("zone/error.rs", "ZoneError"),
        ("zone/error.rs", "RangeError"),
        ("zone/error.rs", "FreeError"),
        ("hotplug/error.rs", "HotplugError"),
        ("hotplug/provider_error.rs", "ProviderError"),
    ];
    for (source, name) in errors {
        let variants = variants(source, name);
        assert!(variants.len() > 1, "{name}: {variants:?}");
        for variant in variants {
            let named = [format!("`{variant}`"), format!("::{variant}`")];
            assert!(named.iter().any(|word| page.contains(word)), "{name}::{variant} is not in the chapter");
        }
    }
}

/// Every chapter, with the name of its file.
fn chapters() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(workspace().join("zonelist-core/src/guide")).expect("the guide");
    let files =
        folder.map(|entry| entry.expect("a file").path()).filter(|path| path.extension().is_some_and(|x| x == "md"));
    let name = |path: &std::path::Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).expect("a chapter"))).collect()
}

/// Files of the package that the chapter on model checking has its reader make.
const OF_THE_READER: [&str; 3] = ["src/lib.rs", "tests/models.rs", "tests/facts.rs"];

#[test]
fn every_file_that_the_guide_names_exists() {
    let mut named = 0;
    for (chapter, page) in chapters() {
        for word in page.split('`').filter(|word| word.contains('/') && !word.contains([' ', '\n'])) {
            let is_file = [".rs", ".md", ".txt"].iter().any(|end| word.ends_with(end));
            // Features have a slash as well.
            let is_folder = ["benches/", "examples/", ".ci/"].iter().any(|start| word.starts_with(start));
            if OF_THE_READER.contains(&word) || !is_file && !is_folder {
                continue;
            }
            named += 1;
            let places = ["", "zonelist-core/src/"].map(|start| workspace().join(start).join(word));
            assert!(places.iter().any(|path| path.exists()), "{chapter}: no file {word}");
        }
    }
    assert!(named > 30, "only {named} files are found");
}

/// The anchors of a page's headings, as rustdoc makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("# "));
    let anchor = |heading: &str| {
        let letters = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        letters.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_heading_that_the_guide_links_to_exists() {
    let (chapters, mut links) = (chapters(), 0);
    let explored =
        std::fs::read_to_string(workspace().join("zonelist-core/src/conformance/explored.md")).expect("a page");
    for (chapter, page) in &chapters {
        for (target, anchor) in page.split("](").filter_map(|rest| rest.split(')').next()?.split_once('#')) {
            let headings = match target.strip_prefix("super::") {
                _ if target.is_empty() => anchors(page),
                Some(other) => anchors(&chapters.iter().find(|(name, _)| name == other).expect("a chapter").1),
                None if target == "crate::conformance::explored" => anchors(&explored),
                None => continue,
            };
            links += 1;
            assert!(headings.iter().any(|heading| heading == anchor), "{chapter}: {target}#{anchor}: {headings:?}");
        }
    }
    assert!(links > 10, "only {links} links are found");
}

#[test]
fn the_story_and_a_readme_have_the_counts_of_rebuilds_that_a_test_asserts() {
    let replay = workspace().join("benches/machines/tests/machines/replay/presence.rs");
    let replay = std::fs::read_to_string(replay).expect("the test");
    let asserted = replay.split("(one_store, survivors, new_zone, elsewhere), (").nth(1).expect("an assertion");
    let counts: Vec<&str> = asserted.split(')').next().expect("its end").split(", ").collect();
    let [one_store, survivors, new_zone, elsewhere] = counts[..] else { panic!("four counts, not {counts:?}") };
    let all: u32 = counts.iter().map(|count| count.parse::<u32>().expect("a count")).sum();
    let expected = format!(
        "Of the {all} rebuilds of recorded machines, {one_store} are one store. The others write lists: {survivors} \
         exchange places, {new_zone} list a zone for the first time, and {elsewhere} list a zone at another place"
    );
    for page in ["zonelist-core/src/guide/story.md", "zonelist-inplace/README.md"] {
        let text = std::fs::read_to_string(workspace().join(page)).expect("the page");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&expected), "expected in {page}: {expected}");
    }
}

#[test]
fn the_chapter_on_model_checking_has_the_smallest_scheme() {
    let [page, scheme] = ["guide/model_checking.md", "publish/smallest.rs"].map(|file| {
        std::fs::read_to_string(workspace().join("zonelist-core/src").join(file)).expect("the chapter and the scheme")
    });
    assert!(page.contains(&scheme), "expected the text of publish/smallest.rs");
}
