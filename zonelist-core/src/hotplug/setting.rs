//! Settings under `/proc/sys/vm` that watermarks and reserves depend on.

use alloc::vec::Vec;
use core::fmt::Arguments;

use super::error::HotplugError;
use crate::{
    heap::{push, text, with_room},
    topology::Rules,
};

/// A setting under `/proc/sys/vm`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// `min_free_kbytes`, in KiB, below 2^31. From then on hotplug only replaces it by a higher computed value.
    MinFreeKbytes(u64),
    /// `watermark_scale_factor`, in 1/10,000 of a zone: 1 to [`Rules::max_watermark_scale_factor`].
    WatermarkScaleFactor(u32),
    /// `lowmem_reserve_ratio`, of the first kinds; those of other kinds stay.
    LowmemReserveRatio(Vec<u32>),
    /// `numa_zonelist_order`, which does nothing: since 4.14 there is only one fallback order.
    NumaZonelistOrder,
}

impl Setting {
    /// Parses a value as written to the file of that name, on a machine with `kinds` zone kinds.
    ///
    /// As the kernel does, it reads as many numbers as the file has, and ignores the rest of the value.
    /// `lowmem_reserve_ratio` takes what precedes a word that is no number, which may be nothing, unless
    /// [`Rules::checks_reserve_ratios`].
    ///
    /// Source: Linux 6.1 `kernel/sysctl.c: do_proc_dointvec`, `mm/page_alloc.c`.
    ///
    /// # Errors
    /// `ENOENT` for another name, `EINVAL` for a value that the kernel refuses.
    ///
    /// ```
    /// use zonelist_core::{hotplug::{Errno, Setting}, topology::Rules};
    /// let parse = |value, rules| Setting::parse("lowmem_reserve_ratio", value, 4, rules);
    /// assert_eq!(parse("-1 256 x", Rules::LINUX_6_1), Ok(Setting::LowmemReserveRatio(vec![0, 256])));
    /// assert_eq!(parse("-1 256 x", Rules::LINUX_7_3).unwrap_err().errno(), Errno::Inval);
    /// ```
    pub fn parse(name: &str, value: &str, kinds: usize, rules: Rules) -> Result<Self, HotplugError> {
        let refused = || wrong(name, format_args!("{value:?}"), "a value that the kernel accepts for it");
        let single = || match Numbers(value).next() {
            Some(Ok(number)) => u32::try_from(number).map_err(|_| refused()),
            _ => Err(refused()),
        };
        let setting = match name {
            "min_free_kbytes" => Self::MinFreeKbytes(single()?.into()),
            "watermark_scale_factor" => Self::WatermarkScaleFactor(single()?),
            "lowmem_reserve_ratio" => {
                let mut ratios = with_room(kinds)?;
                for number in Numbers(value).take(kinds) {
                    match number {
                        Ok(ratio) if ratio >= 0 => push(&mut ratios, ratio as u32)?,
                        _ if rules.checks_reserve_ratios => return Err(refused()),
                        Ok(_) => push(&mut ratios, 0)?,
                        Err(NotANumber) => break,
                    }
                }
                if ratios.is_empty() && rules.checks_reserve_ratios {
                    return Err(refused());
                }
                Self::LowmemReserveRatio(ratios)
            }
            "numa_zonelist_order" if value.starts_with(['d', 'D', 'n', 'N']) => Self::NumaZonelistOrder,
            "numa_zonelist_order" => return Err(refused()),
            _ => return Err(HotplugError::NoSuchSetting { name: text(format_args!("{name}"))? }),
        };
        setting.check(kinds, rules)?;
        Ok(setting)
    }

    /// Refuses what the kernel refuses on a machine with `kinds` zone kinds.
    pub(super) fn check(&self, kinds: usize, rules: Rules) -> Result<(), HotplugError> {
        match self {
            Self::MinFreeKbytes(kbytes) if *kbytes > i32::MAX as u64 => {
                Err(wrong("min_free_kbytes", format_args!("{kbytes}"), "a number below 2^31"))
            }
            Self::WatermarkScaleFactor(factor) if !(1..=rules.max_watermark_scale_factor).contains(factor) => {
                let expected = "1 to 3000, or to 1000 until Linux 5.16";
                Err(wrong("watermark_scale_factor", format_args!("{factor}"), expected))
            }
            Self::LowmemReserveRatio(ratios) if ratios.len() > kinds => {
                let (name, expected) = ("lowmem_reserve_ratio", "one for each zone kind, or fewer");
                Err(wrong(name, format_args!("{} entries", ratios.len()), expected))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(name: &str, value: Arguments<'_>, expected: &'static str) -> HotplugError {
    match (text(format_args!("{name}")), text(value)) {
        (Ok(name), Ok(value)) => HotplugError::InvalidSetting { name, value, expected },
        _ => HotplugError::NoMemory,
    }
}

/// A word that the kernel does not read as an `int`.
#[derive(Clone, Copy, Debug)]
struct NotANumber;

/// The numbers of a value, separated by white space, as C writes them: octal after `0`, hexadecimal after `0x`.
struct Numbers<'v>(&'v str);

impl Iterator for Numbers<'_> {
    type Item = Result<i32, NotANumber>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.0.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        // The kernel skips more kinds of white space before a number than it accepts behind one.
        let end = value.find([' ', '\t', '\n']).unwrap_or(value.len());
        let (word, rest) = value.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then(|| number(word).ok_or(NotANumber))
    }
}

/// Parses one word; `None` if it is no number, or none of 32 bits.
fn number(word: &str) -> Option<i32> {
    let (sign, digits) = word.strip_prefix('-').map_or(("", word), |digits| ("-", digits));
    let (digits, radix) = match digits.strip_prefix('0') {
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(rest) => (rest, 16),
            None if rest.is_empty() => (digits, 10),
            None => (rest, 8),
        },
        None => (digits, 10),
    };
    // `from_str_radix` accepts a second sign, and the kernel doesn't.
    let plain = digits.bytes().next().is_some_and(|first| first.is_ascii_hexdigit());
    let number = if plain { i64::from_str_radix(digits, radix).ok()? } else { return None };
    i32::try_from(if sign.is_empty() { number } else { -number }).ok()
}
