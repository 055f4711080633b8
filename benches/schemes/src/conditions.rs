//! The conditions of a measurement: the machine, its load, and the build.

use serde::{Deserialize, Serialize};

/// The conditions of a measurement. What can't be read is absent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Conditions {
    /// The model of the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// CPUs that the process may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<usize>,
    /// True on a machine under a hypervisor, whose other machines take time as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<bool>,
    /// The frequency governor of CPU 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Processes that ran or waited for a CPU, on the average of the last minute before the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The operating system and its release.
    pub system: String,
    /// The compiler.
    pub compiler: String,
    /// The build profile.
    pub profile: String,
    /// The commit of the sources; with `+` if they had changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Conditions {
    /// The conditions in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { cpu, cpus, virtual_machine, governor, load, system, compiler, profile, commit } = self;
        let parts = [
            cpu.clone(),
            cpus.map(|cpus| format!("{cpus} CPUs")),
            virtual_machine.filter(|&is| is).map(|_| "in a virtual machine".into()),
            governor.as_ref().map(|governor| format!("governor {governor}")),
            load.map(|load| format!("load {load:.2} before the measurement")),
            Some(system.clone()),
            Some(compiler.clone()),
            Some(format!("profile {profile}")),
            commit.as_ref().map(|commit| format!("commit {commit}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
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
            compiler: "rustc".into(),
            profile: "release".into(),
            commit: None,
        };
        let json = serde_json::to_value(&conditions).unwrap();
        assert_eq!(json.as_object().map(|keys| keys.len()), Some(4), "{json}");
        assert_eq!(conditions.line(), "2 CPUs, linux, rustc, profile release");
    }
}
