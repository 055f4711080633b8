//! Arguments that several subcommands share: the machine, the schemes, a duration.

use clap::{Args, ValueEnum};
use zonelist_core::{table::Capacity, topology::Rules};
use zonelist_machines::{Builtin, Loaded, MachineSource, ReadError};
use zonelist_schemes::SchemeId;

use crate::output::print_to_stderr;

/// A machine, and the version of Linux whose rules apply to it.
#[derive(Debug, Args)]
pub struct MachineArgs {
    /// The machine: a recorded file, a folder like /sys/devices/system/node, `live`, or a built-in name.
    #[arg(long, value_name = "M", default_value = Builtin::ALL[0].name)]
    pub machine: MachineSource,
    /// The version of Linux whose rules are followed.
    #[arg(long, value_name = "VERSION", default_value = "6.1")]
    pub rules: Linux,
}

/// A selection of schemes.
#[derive(Debug, Args)]
pub struct SchemeArgs {
    /// Only this scheme; may be given more than once.
    #[arg(long, value_name = "NAME")]
    scheme: Vec<SchemeId>,
}

impl SchemeArgs {
    /// The selected schemes, or all: the baseline first.
    #[must_use]
    pub fn chosen(&self) -> Vec<SchemeId> {
        SchemeId::all().into_iter().filter(|id| self.scheme.is_empty() || self.scheme.contains(id)).collect()
    }

    /// The selected schemes that can hold lists of this capacity. Each other one is named on stderr.
    ///
    /// If none can, returns all of them: the first one then fails with the reason.
    #[must_use]
    pub fn fitting(&self, capacity: Capacity) -> Vec<SchemeId> {
        let chosen = self.chosen();
        let (fitting, short): (Vec<_>, Vec<_>) = chosen.iter().copied().partition(|scheme| scheme.holds(capacity));
        if fitting.is_empty() {
            return chosen;
        }
        for scheme in short {
            eprintln!("{} is left out: it can't hold lists of {} zones", scheme.name(), capacity.zones());
        }
        fitting
    }
}

/// Parses the value of `--seconds`.
///
/// # Errors
/// A message with the expected range.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds, from 0 to 86400".into())
}

/// A version of Linux whose rules are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Linux {
    /// The version that the recorded machines ran.
    #[value(name = "6.1")]
    V6_1,
    /// The first version that rebuilt zonelists under racing readers.
    #[value(name = "4.14")]
    V4_14,
}

impl From<Linux> for Rules {
    fn from(linux: Linux) -> Self {
        match linux {
            Linux::V6_1 => Self::LINUX_6_1,
            Linux::V4_14 => Self::LINUX_4_14,
        }
    }
}

impl MachineArgs {
    /// Reads the machine, and prints to stderr what its source lacks for fallback orders.
    ///
    /// # Errors
    /// See [`MachineSource::load`].
    pub fn load(&self) -> Result<Loaded, ReadError> {
        let loaded = self.machine.load()?;
        for warning in loaded.warnings_of_orders(self.rules.into()) {
            print_to_stderr(&format!("warning: {warning}"));
        }
        Ok(loaded)
    }
}
