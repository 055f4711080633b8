//! What cargo has recorded of the build that this test program belongs to: the package's features, and the target.
//!
//! Cargo passes features on to a build script only, and a `macro_rules!` macro can't list the cfgs of its crate. So they
//! are read from the record by which cargo decides whether the program is fresh. It has the hash of the program's name:
//!
//! ```text
//!   FOLDER/debug/deps/models-HASH
//!   FOLDER/debug/.fingerprint/PACKAGE-HASH/test-integration-test-models.json
//!
//!   FOLDER/debug/build/PACKAGE/HASH/out/models-HASH                            the layout of newer versions of cargo
//!   FOLDER/debug/build/PACKAGE/HASH/fingerprint/test-integration-test-models.json
//! ```

use std::{
    borrow::ToOwned,
    format, fs,
    path::{Path, PathBuf},
    string::String,
    vec::Vec,
};

/// The build of a test program, as cargo has recorded it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct OuterBuild {
    /// The name of the test target, which may have hyphens where that of the crate has underscores.
    pub(super) test: String,
    /// The features of the package.
    pub(super) features: Vec<String>,
    /// The arguments of `--cfg` among the flags of the compiler.
    pub(super) cfgs: Vec<String>,
    /// The argument of `--target`, if there was one.
    pub(super) target: Option<String>,
    /// The folder that has those of the profiles, such as `debug`.
    pub(super) folder: PathBuf,
}

impl OuterBuild {
    /// The build of a test program; `None` if there is no record of it.
    pub(super) fn of(exe: &Path) -> Option<Self> {
        let (_, hash) = exe.file_stem()?.to_str()?.rsplit_once('-')?;
        let beside = exe.parent()?.parent()?;
        let newer = beside.ends_with(hash).then(|| (beside.join("fingerprint"), exe.ancestors().nth(6)));
        let units = fs::read_dir(beside.join(".fingerprint")).into_iter().flatten().flatten();
        let units = units.filter(|unit| unit.file_name().to_str().is_some_and(|name| name.ends_with(hash)));
        let mut records = units.map(|unit| (unit.path(), exe.ancestors().nth(3))).chain(newer);
        records.find_map(|(records, folder)| Self::recorded(&records, folder?))
    }

    /// The build that these records describe.
    fn recorded(records: &Path, folder: &Path) -> Option<Self> {
        let (test, path) = fs::read_dir(records).ok()?.flatten().find_map(|entry| {
            let name = entry.file_name();
            let test = name.to_str()?.strip_prefix("test-integration-test-")?.strip_suffix(".json")?;
            Some((test.to_owned(), entry.path()))
        })?;
        let record = fs::read_to_string(path).ok()?;
        // A list within a string, so that its quotes have backslashes.
        let features = strings(between(&record, "\"features\":\"[", "]\"")?, "\\\"");
        let flags = strings(between(&record, "\"rustflags\":[", "]")?, "\"");
        let is_host = between(&record, "\"compile_kind\":", "}")?.starts_with('0');
        let target = (!is_host).then(|| folder.file_name()?.to_str().map(ToOwned::to_owned));
        Some(Self { test, features, cfgs: cfgs(&flags), target: target.flatten(), folder: folder.to_owned() })
    }
}

/// The text between two others.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}

/// The strings of a list, each between two of these quotes.
fn strings(list: &str, quote: &str) -> Vec<String> {
    let separator = [quote, ",", quote].concat();
    let list = list.replace(&[quote, ", ", quote].concat(), &separator);
    let list = list.strip_prefix(quote).and_then(|list| list.strip_suffix(quote)).unwrap_or_default();
    let parts = list.split(&*separator).filter(|part| !part.is_empty());
    parts.map(|part| part.replace("\\\"", "\"")).collect()
}

/// The arguments of `--cfg`.
fn cfgs(flags: &[String]) -> Vec<String> {
    let joined = flags.iter().filter_map(|flag| flag.strip_prefix("--cfg="));
    let apart = flags.windows(2).filter(|pair| pair[0] == "--cfg").map(|pair| pair[1].as_str());
    joined.chain(apart).map(ToOwned::to_owned).collect()
}

/// The features to explore: those of `asked`, which the environment may set, or else those of the outer build. The
/// error describes what is missing.
pub(super) fn features(package: &Path, asked: Option<&str>, outer: Option<&OuterBuild>) -> Result<Vec<String>, String> {
    match (asked, outer) {
        (Some(asked), _) => {
            let names = asked.split([',', ' ']).filter(|name| !name.is_empty());
            Ok(names.map(ToOwned::to_owned).collect())
        }
        (None, Some(outer)) => Ok(outer.features.clone()),
        (None, None) if !may_have_features(package) => Ok(Vec::new()),
        (None, None) => Err(format!(
            "the features of this build are not known, since cargo's record of it is not beside the test program; \
             expected those to explore in ZONELIST_MODELS_FEATURES, such as `default,fault`, or nothing in it for none \
             (the package is that of {})",
            package.display()
        )),
    }
}

/// True unless the manifest of a package shows that the package has no features.
fn may_have_features(package: &Path) -> bool {
    fs::read_to_string(package.join("Cargo.toml")).map_or(true, |manifest| {
        manifest.contains("optional")
            || manifest.lines().any(|line| line.trim_start().trim_start_matches(['[', ' ']).starts_with("features"))
    })
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    const RECORD: &str = r#"{"rustc":1,"features":"[\"a\", \"default\"]","declared_features":"[\"a\", \"b\"]","target":2,
        "rustflags":["-g","--cfg","one","--cfg=two=\"x\""],"config":3,"compile_kind":KIND}"#;

    /// Writes a record, and returns the path of its program.
    fn written(folder: &str, record: &str, program: &str, kind: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("zonelist-outer-{}-{folder}", std::process::id()));
        let record = folder.join(record);
        fs::create_dir_all(record.parent().unwrap()).unwrap();
        fs::write(record, RECORD.replace("KIND", kind)).unwrap();
        folder.join(program)
    }

    #[test]
    fn a_build_is_found_in_both_layouts() {
        let older = ("debug/.fingerprint/p-0f/test-integration-test-my-models.json", "debug/deps/my_models-0f");
        let newer =
            ("debug/build/p/0f/fingerprint/test-integration-test-my-models.json", "debug/build/p/0f/out/my_models-0f");
        for (layout, (record, program)) in ["older", "newer"].into_iter().zip([older, newer]) {
            for (triple, kind) in [("host", "0"), ("i686-triple", "7")] {
                let exe = written(&format!("{layout}/{triple}"), record, program, kind);
                let folder = exe.ancestors().find(|path| path.ends_with(triple)).unwrap().to_owned();
                let expected = OuterBuild {
                    test: "my-models".into(),
                    features: vec!["a".into(), "default".into()],
                    cfgs: vec!["two=\"x\"".into(), "one".into()],
                    target: (kind != "0").then(|| triple.into()),
                    folder: folder.clone(),
                };
                assert_eq!(OuterBuild::of(&exe), Some(expected));
                assert_eq!(OuterBuild::of(&exe.with_file_name("my_models-1e")), None);
                fs::remove_dir_all(folder).unwrap();
            }
        }
    }

    #[test]
    fn no_feature_is_an_empty_list() {
        assert_eq!(strings("", "\\\""), Vec::<String>::new());
    }

    #[test]
    fn without_a_record_features_are_asked_for() {
        let package = std::env::temp_dir().join(format!("zonelist-outer-{}-package", std::process::id()));
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("Cargo.toml"), "[package]\nname = \"p\"\n").unwrap();
        assert_eq!(features(&package, None, None), Ok(vec![]));
        fs::write(package.join("Cargo.toml"), "[package]\n[features]\nfault = []\n").unwrap();
        let refused = features(&package, None, None).unwrap_err();
        assert!(refused.contains("ZONELIST_MODELS_FEATURES"), "{refused}");
        assert_eq!(features(&package, Some("a, b"), None), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(features(&package, Some(""), None), Ok(vec![]));
        fs::remove_dir_all(package).unwrap();
    }
}
