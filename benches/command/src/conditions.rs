//! The conditions of a measurement: the machine, its load, and the build.

use std::{env::consts::OS, fmt, fs, path::Path, thread};

use serde::Serialize;

/// The conditions of a measurement. What can't be read is absent.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Conditions {
    /// The model of the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// CPUs that the process may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<usize>,
    /// True on a machine under a hypervisor, whose other machines take time as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<bool>,
    /// The frequency governor of CPU 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Processes that ran or waited for a CPU, on the average of the last minute before the measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The operating system and its release.
    pub system: String,
    /// The compiler.
    pub compiler: &'static str,
    /// The build profile.
    pub profile: &'static str,
    /// The commit of the sources; with `+` if they had changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'static str>,
}

impl Conditions {
    /// The conditions now. Called before a measurement, so that `load` does not contain it.
    #[must_use]
    pub fn observed() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = line("/proc/sys/kernel/osrelease");
        let load = line("/proc/loadavg").and_then(|line| line.split(' ').next()?.parse().ok());
        Self {
            cpu: value(&cpu, "model name"),
            cpus: thread::available_parallelism().ok().map(usize::from),
            virtual_machine: value(&cpu, "flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load,
            system: release.map_or(OS.to_owned(), |release| format!("{OS} {release}")),
            compiler: env!("ZONELIST_COMPILER"),
            profile: env!("ZONELIST_PROFILE"),
            commit: option_env!("ZONELIST_COMMIT"),
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cpus, virtual_machine, governor, load, system, compiler, profile, commit } = self;
        let parts = [
            cpu.clone(),
            cpus.map(|cpus| format!("{cpus} CPUs")),
            virtual_machine.filter(|&is| is).map(|_| "in a virtual machine".into()),
            governor.as_ref().map(|governor| format!("governor {governor}")),
            load.map(|load| format!("load {load:.2} before the measurement")),
            Some(system.clone()),
            Some((*compiler).to_owned()),
            Some(format!("profile {profile}")),
            commit.map(|commit| format!("commit {commit}")),
        ];
        write!(f, "Conditions: {}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The first value of a name, in lines of the form `name : value`.
fn value(text: &str, name: &str) -> Option<String> {
    let named = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(named)
}

fn line(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_read_is_absent() {
        let conditions = Conditions {
            cpu: None,
            cpus: Some(2),
            virtual_machine: None,
            governor: None,
            load: None,
            system: "linux".into(),
            compiler: "rustc",
            profile: "release",
            commit: None,
        };
        let json = serde_json::to_value(&conditions).unwrap();
        assert_eq!(json.as_object().map(|keys| keys.len()), Some(4), "{json}");
        assert_eq!(conditions.to_string(), "Conditions: 2 CPUs, linux, rustc, profile release.");
    }

    #[test]
    fn a_value_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: fpu hypervisor\n";
        assert_eq!(value(text, "model name").as_deref(), Some("A CPU: fast"));
        assert_eq!(value(text, "model"), None);
    }
}
