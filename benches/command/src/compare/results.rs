//! The results file: all measurements of a run, with their conditions and the facts of the schemes.

use std::{collections::BTreeMap, env, fs, path::Path};

use serde::Serialize;
use serde_json::Value;
use zonelist_contenders::growth::{Axis, Measurement, lines::Lines};
use zonelist_schemes::{SchemeId, barrier, conditions::Conditions, evidence::Card};

use super::report::Report;
use crate::{
    growth::{self, LinesReport},
    load,
    output::OutputError,
};

/// The measurements of a run. `benches/report` reads the JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Results<'r> {
    format: &'static str,
    command: String,
    barrier: &'static str,
    conditions: &'r Conditions,
    cards: Vec<Facts>,
    compare: &'r Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<&'r load::Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<Growth<'r>>,
}

/// Costs against sizes.
#[derive(Clone, Debug, Serialize)]
struct Growth<'r> {
    times: BTreeMap<Axis, &'r [Measurement]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lines: &'r [Lines],
}

impl<'r> Growth<'r> {
    fn of(report: &'r growth::Report) -> Self {
        let lines = if let LinesReport::Counted(lines) = &report.lines { &lines[..] } else { &[] };
        Self { times: report.axes.iter().map(|it| (it.axis, &it.contenders[..])).collect(), lines }
    }
}

/// The facts of a scheme, as far as a test shows them.
#[derive(Clone, Debug, Serialize)]
struct Facts {
    scheme: &'static str,
    #[serde(rename = "crate")]
    package: &'static str,
    facts: BTreeMap<&'static str, Value>,
}

impl<'r> Results<'r> {
    /// The results of this program's run.
    #[must_use]
    pub fn new(
        conditions: &'r Conditions,
        schemes: &[SchemeId],
        compare: &'r Report,
        load: Option<&'r load::Report>,
        growth: Option<&'r growth::Report>,
    ) -> Self {
        let facts = |&scheme| {
            let Card { scheme, package, facts, .. } = Card::of(scheme);
            Facts { scheme, package, facts }
        };
        let arguments = env::args().skip(1).collect::<Vec<_>>().join(" ");
        Self {
            format: "zonelist-results-1",
            command: format!("zonelist {arguments}").trim_end().to_owned(),
            barrier: barrier(),
            conditions,
            cards: schemes.iter().map(facts).collect(),
            compare,
            load,
            growth: growth.map(Growth::of),
        }
    }

    /// Writes the results to a file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), OutputError> {
        let failed = |error| OutputError { file: path.display().to_string(), error };
        let json = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(path, json + "\n").map_err(failed)
    }
}
