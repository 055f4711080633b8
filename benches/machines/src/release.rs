//! The rules that the kernel of a machine follows, by its release.

use std::{fmt, str::FromStr};

use zonelist_core::topology::{Release, Rules};

/// The rules that are followed for a machine, and the release that they are named after.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinuxRules {
    /// The release that brought them, from [`Rules::TABLE`].
    pub release: Release,
    /// The rules.
    pub rules: Rules,
}

/// The rules do not follow from the kernel alone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum RulesWarning {
    #[error("the machine names no kernel; the rules of Linux 6.1 are followed, --rules selects others")]
    NoKernel,
    #[error(
        "kernel {kernel:?} has no release such as 6.1; the rules of Linux 6.1 are followed, --rules selects others"
    )]
    NoRelease { kernel: String },
    #[error("kernel {kernel:?} is older than all known rules; those of Linux 4.14 are followed")]
    TooOld { kernel: String },
    #[error(
        "kernel {kernel:?} is a distribution's and may carry changes of later releases; the rules of Linux {followed} \
         are followed, --rules selects others"
    )]
    Distribution { kernel: String, followed: LinuxRules },
}

/// Abbreviations in the names of kernels that carry many changes of later releases; a digit follows.
const DISTRIBUTIONS: [&str; 12] = ["el", "amzn", "an", "al", "azl", "oe", "tl", "ky", "uek", "uel", "lp", "ocs"];

impl LinuxRules {
    /// The newest known rules that are not newer than a release; `None` for one before 4.14.
    #[must_use]
    pub fn of_release(release: Release) -> Option<Self> {
        Rules::of_release(release).map(|(release, rules)| Self { release, rules })
    }

    /// The rules of a kernel, as a machine file or `uname -r` names it, and the reason if they are uncertain.
    ///
    /// ```
    /// use zonelist_machines::{LinuxRules, RulesWarning};
    /// let (rules, warning) = LinuxRules::of_kernel(Some("Linux 6.12.117 x86-64"));
    /// assert_eq!((rules.to_string().as_str(), warning), ("6.12", None));
    /// let (rules, warning) = LinuxRules::of_kernel(None);
    /// assert_eq!((rules.to_string().as_str(), warning), ("6.1", Some(RulesWarning::NoKernel)));
    /// ```
    #[must_use]
    pub fn of_kernel(kernel: Option<&str>) -> (Self, Option<RulesWarning>) {
        let Some(kernel) = kernel else { return (Self::default(), Some(RulesWarning::NoKernel)) };
        let named = || kernel.trim().to_owned();
        let Some(release) = kernel.split_ascii_whitespace().find_map(release) else {
            return (Self::default(), Some(RulesWarning::NoRelease { kernel: named() }));
        };
        match Self::of_release(release) {
            None => (Self::oldest(), Some(RulesWarning::TooOld { kernel: named() })),
            Some(followed) => {
                let warning = RulesWarning::Distribution { kernel: named(), followed };
                (followed, is_of_distribution(kernel).then_some(warning))
            }
        }
    }

    fn oldest() -> Self {
        let [(release, rules), ..] = Rules::TABLE;
        Self { release, rules }
    }
}

impl Default for LinuxRules {
    /// Those of 6.1.
    fn default() -> Self {
        Self { release: (6, 1), rules: Rules::default() }
    }
}

impl fmt::Display for LinuxRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.release;
        write!(f, "{major}.{minor}")
    }
}

impl FromStr for LinuxRules {
    type Err = String;

    /// Parses a release from 4.14 on.
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Rules::TABLE.map(|((major, minor), _)| format!("{major}.{minor}")).join(", ");
        release(text).and_then(Self::of_release).ok_or_else(|| {
            format!("expected a release from 4.14 on; the rules of {known} are known, and each holds up to the next")
        })
    }
}

/// The major and minor number at the start of a word, as in `6.12.117`, `v6.6-rc1` or `5.14.0-70.el9.x86_64`.
fn release(word: &str) -> Option<Release> {
    let word = word.strip_prefix('v').unwrap_or(word);
    let (major, rest) = word.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // A sign or an empty number is refused here, a number above 65535 by `parse`.
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    Some((number(major)?, number(&rest[..digits])?))
}

fn is_of_distribution(kernel: &str) -> bool {
    let words = || kernel.split(|letter: char| !letter.is_ascii_alphanumeric());
    let has_abbreviation = |word: &str| {
        let digit = word.find(|letter: char| letter.is_ascii_digit());
        digit.is_some_and(|digit| DISTRIBUTIONS.contains(&&word[..digit]))
    };
    // The kernels of SUSE end with `-default`, and those of Oracle may have `uek` without a number.
    words().any(|word| has_abbreviation(word) || word == "default" || word.ends_with("uek"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(kernel: &str) -> (String, Option<RulesWarning>) {
        let (rules, warning) = LinuxRules::of_kernel(Some(kernel));
        (rules.to_string(), warning)
    }

    #[test]
    fn a_kernel_has_the_newest_rules_that_are_not_newer() {
        let kernels = [
            ("Linux 6.1.176 x86-64", "6.1"),
            ("Linux 6.12.117 x86-64", "6.12"),
            ("Linux 6.18.44-fc-v669 x86_64", "6.12"),
            ("Linux 7.3.4 x86-64", "7.3"),
            ("Linux version 5.18.0-rc2+ (user@host)", "5.18"),
            ("5.15.0-91-generic", "4.14"),
            ("v6.9", "6.7"),
            ("6.6-rc1", "6.6"),
            ("10.0", "7.3"),
        ];
        for (kernel, rules) in kernels {
            assert_eq!(followed(kernel), (rules.into(), None), "{kernel}");
        }
    }

    #[test]
    fn other_kernels_have_a_warning() {
        let followed_with = |kernel| {
            let (rules, warning) = followed(kernel);
            (rules, warning.map(|warning| warning.to_string()).unwrap_or_default())
        };
        for (kernel, rules) in [
            ("5.14.0-427.13.1.el9_4.x86_64", "4.14"),
            ("Linux 4.18.0-348.el8.x86_64", "4.14"),
            ("6.1.84-99.169.amzn2023.x86_64", "6.1"),
            ("5.15.0-100.96.32.el8uek.x86_64", "4.14"),
            ("6.4.0-150600.23.7-default", "6.1"),
        ] {
            let (ours, warning) = followed_with(kernel);
            assert!(ours == rules && warning.contains("distribution") && warning.contains(kernel), "{ours}, {warning}");
        }
        for kernel in ["", "Linux", "6", "6.", ".1", "-6.1", "6.x", "99999.1", "6.+1"] {
            let (ours, warning) = followed_with(kernel);
            assert!(ours == "6.1" && warning.contains("has no release"), "{kernel:?}: {ours}, {warning}");
        }
        let (ours, warning) = followed_with("3.10.0-957.el7.x86_64");
        assert!(ours == "4.14" && warning.contains("older"), "{ours}, {warning}");
    }

    #[test]
    fn an_option_is_a_release_from_4_14_on() {
        assert_eq!("6.11.2".parse::<LinuxRules>().unwrap().to_string(), "6.10");
        for text in ["4.13", "", "6", "newest", "-6.1", "x.1"] {
            assert!(text.parse::<LinuxRules>().unwrap_err().contains("4.14, 5.18, 6.1"), "{text:?}");
        }
    }
}
