//! The binaries of the models, and their reports.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use zonelist_verify::{cargo, failure, in_parallel, workspace};

/// Builds the models. Returns each binary with the manifest of its package.
pub(super) fn built(packages: &[&str]) -> Vec<(PathBuf, PathBuf)> {
    let mut cargo = cargo(&Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("models"));
    cargo.env("RUSTFLAGS", "--cfg loom --cfg crossbeam_loom").current_dir(workspace());
    // Cargo accepts features only of packages that are built. With the feature `facts`, as in the crates outside the
    // workspace, which use the same build.
    let features =
        [("zonelist-epoch", "zonelist-epoch/loom"), ("zonelist-core", "zonelist-core/model,zonelist-core/facts")];
    let features = features.into_iter().filter(|(package, _)| packages.contains(package));
    let features: Vec<&str> = features.map(|(_, feature)| feature).collect();
    cargo.args(["test", "--locked", "--profile", "loom", "--features", &features.join(",")]);
    cargo.args(["--test", "loom", "--no-run", "--message-format", "json-render-diagnostics"]);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the models do not build");
    let messages = String::from_utf8(output.stdout).expect("messages in UTF-8");
    let binary = |message: Value| {
        let path = |key: &str| message[key].as_str().map(PathBuf::from);
        Some((path("executable")?, path("manifest_path")?))
    };
    messages.lines().filter_map(|line| binary(serde_json::from_str(line).ok()?)).collect()
}

/// The models of one package, with their reports.
pub(super) struct Run {
    pub(super) package: &'static str,
    pub(super) binary: PathBuf,
    /// The tests that fail, each with the first line of its failure.
    failed: Vec<(String, String)>,
    pub(super) models: Vec<Model>,
    /// Places that the tests execute, and that a mutant could change.
    pub(super) sites: Vec<Site>,
    /// The number of interleavings that each test explored, in all its models.
    pub(super) tests: BTreeMap<String, u64>,
}

/// A model, and the extent of its exploration.
pub(super) struct Model {
    pub(super) name: String,
    pub(super) interleavings: u64,
    /// `exhaustive`, or the greatest number of preemptions.
    pub(super) bound: String,
    /// The size, if the report has it.
    pub(super) shape: String,
    /// The whole report.
    said: String,
}

/// A place that a test executes.
pub(super) struct Site {
    pub(super) test: String,
    pub(super) place: String,
    pub(super) operation: String,
    pub(super) ordering: String,
}

/// The command that runs a binary of models, without loom settings of the environment, and with the bounds of the short
/// set if `short`.
pub(super) fn command(binary: &Path, package: &str, short: bool) -> Command {
    let mut command = Command::new(binary);
    env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOOM_")).for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.env_remove("ZONELIST_MUTANT").current_dir(workspace().join(package));
    if short {
        command.env("ZONELIST_MODELS", "short");
    }
    command
}

/// Runs the models of these packages, each test in a process of its own. Within one process, threads wait for one
/// another whenever a model maps and unmaps its stacks, which is for every interleaving.
pub(super) fn all(packages: &[&'static str], binaries: &[(PathBuf, PathBuf)], short: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = packages.iter().map(|package| Run::new(package, binaries)).collect();
    let listed =
        |(number, run): (usize, &Run)| run.listed().into_iter().map(move |test| (number, test)).collect::<Vec<_>>();
    let tests: Vec<(usize, String)> = runs.iter().enumerate().flat_map(listed).collect();
    let outputs = in_parallel(&tests, |(number, test)| runs[*number].test(test, short));
    for ((number, test), (failure, said)) in tests.iter().zip(outputs) {
        runs[*number].note(test, failure, &said);
    }
    for run in &mut runs {
        run.models.sort_by(|one, other| one.name.cmp(&other.name));
        run.models.iter().for_each(|model| println!("{}", model.said));
    }
    runs
}

impl Run {
    fn new(package: &'static str, binaries: &[(PathBuf, PathBuf)]) -> Self {
        let manifest = |path: &Path| path.parent().is_some_and(|folder| folder.ends_with(package));
        let binary = binaries.iter().find(|(_, path)| manifest(path)).map(|(binary, _)| binary.clone());
        let binary = binary.expect("each package has its models");
        Self { package, binary, failed: Vec::new(), models: Vec::new(), sites: Vec::new(), tests: BTreeMap::new() }
    }

    /// The names of the package's tests.
    fn listed(&self) -> Vec<String> {
        let output = command(&self.binary, self.package, false).arg("--list").output().expect("the models are listed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
    }

    /// Runs a test. Returns the first line of its failure, if it fails, and its report.
    fn test(&self, test: &str, short: bool) -> (Option<String>, String) {
        let mut run = command(&self.binary, self.package, short);
        let run = run.env("ZONELIST_SITES", "").args([test, "--exact", "--nocapture", "--test-threads=1"]);
        let output = run.output().expect("the model runs");
        let [said, errors] = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        let failure = (!output.status.success()).then(|| {
            println!("{}\n{errors}", failure::for_readers(&said));
            failure::first_line(&said, &errors).unwrap_or_else(|| output.status.to_string())
        });
        (failure, said)
    }

    /// Adds the report of a test.
    fn note(&mut self, test: &str, failure: Option<String>, said: &str) {
        self.failed.extend(failure.map(|failure| (test.to_owned(), failure)));
        for (test, count) in said.lines().filter_map(explored) {
            *self.tests.entry(test).or_default() += count;
        }
        self.models.extend(said.lines().filter_map(Model::of));
        self.sites.extend(said.lines().filter_map(Site::of));
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !self.failed.is_empty() {
            let failed = self.failed.iter().map(|(test, failure)| format!("\n  {test}: {failure}"));
            return Err(format!("models that fail:{}", failed.collect::<String>()));
        }
        if self.models.is_empty() {
            return Err("there is no model".into());
        }
        if self.models.iter().any(|model| model.interleavings < 2) {
            return Err("a model explored nothing".into());
        }
        Ok(())
    }
}

impl Model {
    /// Parses a report. With one thread, the harness writes before it on the same line.
    fn of(line: &str) -> Option<Self> {
        let said = &line[line.find("model ")?..];
        let (before, after) = said["model ".len()..].split_once(" interleavings, ")?;
        let (name, count) = before.rsplit_once(": ")?;
        let mut parts = after.split("; ").map(|part| part.trim().to_owned());
        let bound = parts.next()?;
        let shape = parts.next().filter(|shape| shape.contains(" threads, ")).unwrap_or_default();
        Some(Self { name: name.to_owned(), interleavings: count.parse().ok()?, bound, shape, said: said.to_owned() })
    }
}

impl Site {
    fn of(line: &str) -> Option<Self> {
        let parts: Vec<&str> = line.strip_prefix("site\t")?.split('\t').collect();
        let [test, place, operation, ordering] = parts.as_slice().try_into().ok()?;
        let [test, place, operation, ordering] = [test, place, operation, ordering].map(|part: &str| part.to_owned());
        Some(Self { test, place, operation, ordering })
    }
}

/// Parses the number of interleavings that one model of a test explored.
fn explored(line: &str) -> Option<(String, u64)> {
    let (test, count) = line.strip_prefix("explored\t")?.split_once('\t')?;
    Some((test.to_owned(), count.parse().ok()?))
}
