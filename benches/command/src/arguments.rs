//! Arguments that several subcommands share: the machine, the schemes, a duration.

use clap::Args;
use zonelist_core::table::Capacity;
use zonelist_machines::{Builtin, LinuxRules, Loaded, MachineSource, ReadError, RulesWarning};
use zonelist_schemes::{SchemeId, use_full_fences};

use crate::output::print_to_stderr;

/// A machine, and the version of Linux whose rules apply to it.
#[derive(Debug, Args)]
pub struct MachineArgs {
    /// The machine: a recorded file, a folder like /sys/devices/system/node, `live`, or a built-in name.
    #[arg(long, value_name = "M", default_value = Builtin::ALL[0].name)]
    pub machine: MachineSource,
    #[command(flatten)]
    rules: RulesArgs,
}

/// The version of Linux whose rules are followed.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Follow the rules of this release of Linux [default: the machine's kernel; if it names none, 6.1]
    #[arg(long = "rules", value_name = "VERSION")]
    chosen: Option<LinuxRules>,
}

/// The rules that a subcommand follows for a machine.
#[derive(Debug)]
pub struct ChosenRules {
    /// The rules.
    pub rules: LinuxRules,
    /// Why the machine's kernel leaves them uncertain, if it does.
    warning: Option<RulesWarning>,
}

impl RulesArgs {
    /// The rules by the option, or by the machine's kernel.
    #[must_use]
    pub fn of(&self, kernel: Option<&str>) -> ChosenRules {
        match self.chosen {
            Some(rules) => ChosenRules { rules, warning: None },
            None => {
                let (rules, warning) = LinuxRules::of_kernel(kernel);
                ChosenRules { rules, warning }
            }
        }
    }
}

impl ChosenRules {
    /// Prints the warning to stderr. A machine that names no kernel is the report's business:
    /// [`ChosenRules::assumed`].
    pub fn warn(&self, machine: &str) {
        if let Some(warning) = self.warning.as_ref().filter(|warning| **warning != RulesWarning::NoKernel) {
            print_to_stderr(&format!("warning: {machine}: {warning}"));
        }
    }

    /// The note that the rules are assumed, if the machine names no kernel.
    #[must_use]
    pub fn assumed(&self) -> Option<&RulesWarning> {
        self.warning.as_ref().filter(|warning| **warning == RulesWarning::NoKernel)
    }
}

/// The number of threads beside a publisher, at most `most`: one less than there are CPUs, if none is chosen.
#[must_use]
pub fn threads_beside_a_publisher(chosen: Option<u32>, most: usize) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    chosen.map_or(cpus.saturating_sub(1).clamp(1, most), |threads| threads as usize)
}

/// A selection of schemes.
#[derive(Debug, Args)]
pub struct SchemeArgs {
    /// Only this scheme; may be given more than once.
    #[arg(long, value_name = "NAME")]
    scheme: Vec<SchemeId>,
}

impl SchemeArgs {
    /// True if no scheme was selected, which selects all.
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.scheme.is_empty()
    }

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

/// The barrier pair that is measured.
#[derive(Debug, Args)]
pub struct BarrierArgs {
    /// Measure with full fences in readers, as on a system without membarrier(2).
    #[arg(long)]
    full_fences: bool,
}

impl BarrierArgs {
    /// Selects the barrier pair for this process. To be called before anything is measured.
    pub fn select(&self) {
        if self.full_fences {
            use_full_fences();
        }
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

/// Prints to stderr what the source of a machine lacks for fallback orders by these rules.
pub fn print_warnings(loaded: &Loaded, rules: LinuxRules) {
    for warning in loaded.warnings_of_orders(rules.rules) {
        print_to_stderr(&format!("warning: {warning}"));
    }
}

impl MachineArgs {
    /// Reads the machine.
    ///
    /// # Errors
    /// See [`MachineSource::load`].
    pub fn load(&self) -> Result<Loaded, ReadError> {
        self.machine.load()
    }

    /// The rules for the loaded machine. Prints to stderr what its source lacks for fallback orders by these rules.
    #[must_use]
    pub fn rules_for_orders(&self, loaded: &Loaded) -> ChosenRules {
        let rules = self.rules(loaded);
        print_warnings(loaded, rules.rules);
        rules
    }

    /// The rules for the loaded machine.
    #[must_use]
    pub fn rules(&self, loaded: &Loaded) -> ChosenRules {
        self.rules.of(loaded.kernel.as_deref())
    }
}
