//! Settings under `/proc/sys/vm` that watermarks and reserves depend on.

use alloc::vec::Vec;
use core::fmt::Arguments;

use super::error::HotplugError;
use crate::heap::{collected, push, text};

/// A setting under `/proc/sys/vm`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// `min_free_kbytes`, in KiB, below 2^31. From then on hotplug only replaces it by a higher computed value.
    MinFreeKbytes(u64),
    /// `watermark_scale_factor`, in 1/10,000 of a zone: `1..=3000`.
    WatermarkScaleFactor(u32),
    /// `lowmem_reserve_ratio`, of the first kinds; those of other kinds stay.
    LowmemReserveRatio(Vec<u32>),
    /// `numa_zonelist_order`, which does nothing: since 4.14 there is only one fallback order.
    NumaZonelistOrder,
}

impl Setting {
    /// Parses a value as written to the file of that name, on a machine with `kinds` zone kinds.
    ///
    /// # Errors
    /// `ENOENT` for another name, `EINVAL` for a value that the kernel refuses.
    ///
    /// ```
    /// use zonelist_core::hotplug::{Errno, Setting};
    /// assert_eq!(Setting::parse("lowmem_reserve_ratio", "-1 256", 4), Ok(Setting::LowmemReserveRatio(vec![0, 256])));
    /// assert_eq!(Setting::parse("watermark_scale_factor", "0", 4).unwrap_err().errno(), Errno::Inval);
    /// ```
    pub fn parse(name: &str, value: &str, kinds: usize) -> Result<Self, HotplugError> {
        let mut numbers = Some(Vec::new());
        // `None` stands for a word that is no number, so that all settings report it alike.
        for number in value.split_ascii_whitespace().map(number) {
            match number.zip(numbers.as_mut()) {
                Some((number, numbers)) => push(numbers, number)?,
                None => numbers = None,
            }
        }
        let single = match numbers.as_deref() {
            Some([number]) => u32::try_from(*number).ok(),
            _ => None,
        };
        let setting = match name {
            "min_free_kbytes" => single.map(|kbytes| Self::MinFreeKbytes(kbytes.into())),
            "watermark_scale_factor" => single.map(Self::WatermarkScaleFactor),
            "lowmem_reserve_ratio" => {
                let ratios = |numbers: Vec<i32>| collected(numbers.into_iter().map(|ratio| ratio.max(0) as u32));
                numbers.map(ratios).transpose()?.map(Self::LowmemReserveRatio)
            }
            "numa_zonelist_order" => {
                let known = value.starts_with(['d', 'D', 'n', 'N']);
                known.then_some(Self::NumaZonelistOrder)
            }
            _ => return Err(HotplugError::NoSuchSetting { name: text(format_args!("{name}"))? }),
        };
        let Some(setting) = setting else {
            return Err(wrong(name, format_args!("{value:?}"), "a value that the kernel accepts for it"));
        };
        setting.check(kinds)?;
        Ok(setting)
    }

    /// Refuses what the kernel refuses on a machine with `kinds` zone kinds.
    pub(super) fn check(&self, kinds: usize) -> Result<(), HotplugError> {
        match self {
            Self::MinFreeKbytes(kbytes) if *kbytes > i32::MAX as u64 => {
                Err(wrong("min_free_kbytes", format_args!("{kbytes}"), "a number below 2^31"))
            }
            Self::WatermarkScaleFactor(factor) if !(1..=3000).contains(factor) => {
                Err(wrong("watermark_scale_factor", format_args!("{factor}"), "1 to 3000"))
            }
            Self::LowmemReserveRatio(ratios) if !(1..=kinds).contains(&ratios.len()) => {
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

/// Parses a number as C writes it: octal after `0`, hexadecimal after `0x`.
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
