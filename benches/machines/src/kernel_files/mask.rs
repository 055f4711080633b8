//! The kernel's mask format, as in `000000ff,00000000`.

use crate::error::Problem;

/// Parses a mask into the numbers of its set bits, ascending. An empty text is the empty mask.
///
/// The text has words of 32 bits in hexadecimal, the highest first.
pub(super) fn parse_mask(text: &str, limit: u32) -> Result<Vec<u32>, Problem> {
    let mut numbers = Vec::new();
    if text.is_empty() {
        return Ok(numbers);
    }
    let words: Vec<&str> = text.split(',').collect();
    for (index, &word) in words.iter().enumerate().rev() {
        let wrong = || {
            let expected = format!("1 to 8 hexadecimal digits, and bits below {limit}");
            Problem::value(format!("word {}", index + 1), format_args!("{word:?}"), expected)
        };
        let digits = (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u32::from_str_radix(word, 16).ok().filter(|_| digits).ok_or_else(wrong)?;
        let first = 32 * (words.len() - 1 - index) as u64;
        for number in (0..32).filter(|bit| bits >> bit & 1 != 0).map(|bit| first + bit) {
            numbers.push(u32::try_from(number).ok().filter(|&number| number < limit).ok_or_else(wrong)?);
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_of_32_bits_highest_first() {
        assert_eq!(parse_mask("f", 64).unwrap(), [0, 1, 2, 3]);
        assert_eq!(parse_mask("3,00000000,80000001", 128).unwrap(), [0, 31, 64, 65]);
        assert!(parse_mask("", 64).unwrap().is_empty() && parse_mask("0,0", 64).unwrap().is_empty());
    }

    #[test]
    fn masks_that_no_kernel_prints_are_refused() {
        for text in [",", "1,", "g", "+1", "-1", "0x1", "1 1", "123456789", "1,00000000"] {
            assert!(parse_mask(text, 32).is_err(), "{text:?}");
        }
    }
}
