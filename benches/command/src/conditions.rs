//! Reads the conditions of a measurement.

use std::{env::consts::OS, fs, path::Path, thread};

use zonelist_schemes::conditions::Conditions;

/// The conditions now. Called before a measurement, so that `load` does not contain it.
#[must_use]
pub fn observed() -> Conditions {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let release = line("/proc/sys/kernel/osrelease");
    let load = line("/proc/loadavg").and_then(|line| line.split(' ').next()?.parse().ok());
    Conditions {
        cpu: value(&cpu, "model name"),
        cpus: thread::available_parallelism().ok().map(usize::from),
        virtual_machine: value(&cpu, "flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        load,
        system: release.map_or(OS.to_owned(), |release| format!("{OS} {release}")),
        compiler: env!("ZONELIST_COMPILER").into(),
        profile: env!("ZONELIST_PROFILE").into(),
        commit: option_env!("ZONELIST_COMMIT").map(Into::into),
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
    fn a_value_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: fpu hypervisor\n";
        assert_eq!(value(text, "model name").as_deref(), Some("A CPU: fast"));
        assert_eq!(value(text, "model"), None);
    }
}
