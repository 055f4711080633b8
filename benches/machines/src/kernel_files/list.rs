//! The kernel's list format, as in `0-3,7`.

use std::collections::BTreeSet;

use crate::error::Problem;

/// Parses a list into its numbers, ascending. An empty text is the empty list.
///
/// # Errors
/// A part is neither a number nor an ascending range, a number is not below `limit`, or a number is repeated.
///
/// ```
/// use zonelist_machines::parse_list;
/// assert_eq!(parse_list("0-3,7\n", 1024).unwrap(), [0, 1, 2, 3, 7]);
/// assert!(parse_list("\n", 1024).unwrap().is_empty());
/// assert_eq!(
///     parse_list("0,3-1", 1024).unwrap_err().to_string(),
///     "entry 2: \"3-1\"; expected a number or an ascending range, below 1024, each number once",
/// );
/// ```
pub fn parse_list(text: &str, limit: u32) -> Result<Vec<u32>, Problem> {
    let text = text.trim_ascii();
    let mut numbers = BTreeSet::new();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    for (index, part) in text.split(',').enumerate() {
        let wrong = || {
            let expected = format!("a number or an ascending range, below {limit}, each number once");
            Problem::value(format!("entry {}", index + 1), format_args!("{part:?}"), expected)
        };
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
        // Checked before the range is expanded, since its text may name any number of entries.
        if first > last || last >= limit {
            return Err(wrong());
        }
        for number in first..=last {
            if !numbers.insert(number) {
                return Err(wrong());
            }
        }
    }
    Ok(numbers.into_iter().collect())
}

/// A number of digits only, without a sign or a space.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_no_kernel_prints_are_refused() {
        for text in [",", "0,", "0-", "-1", "+1", "0--1", "1-0", "0-1-2", "0 1", "0x1", "a", "0-3:1/2", "0,0", "0-3,2"]
        {
            assert!(parse_list(text, 1024).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_above_the_limit_is_refused_before_it_is_expanded() {
        for text in ["0-1024", "1024", "0-4294967295", "0-18446744073709551616", "99999999999999999999"] {
            assert!(parse_list(text, 1024).is_err(), "{text:?}");
        }
        assert_eq!(parse_list("0-1023", 1024).unwrap().len(), 1024);
    }
}
