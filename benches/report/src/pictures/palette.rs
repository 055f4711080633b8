//! Colours of pictures on light and on dark paper.
//!
//! A picture is drawn in the colours for light paper. A style rule for each of them gives the colour for dark paper, so
//! that one file serves both, also where a page shows it as an image.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// A colour on light paper, and on dark paper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ink {
    light: u32,
    dark: u32,
}

/// Text.
pub(crate) const TEXT: Ink = Ink { light: 0x1F_23_28, dark: 0xE6_ED_F3 };
/// Text that explains.
pub(crate) const MUTED: Ink = Ink { light: 0x59_63_6E, dark: 0x9D_A5_AE };
/// Lines of a grid.
pub(crate) const GRID: Ink = Ink { light: 0xD1_D9_E0, dark: 0x3D_44_4D };
/// The background of a heading.
pub(crate) const BAND: Ink = Ink { light: 0xEF_F2_F5, dark: 0x21_28_30 };
/// Neither readers nor publishes wait.
pub(crate) const NEITHER: Ink = Ink { light: 0x11_7A_35, dark: 0x3F_B9_50 };
/// Publishes wait for readers.
pub(crate) const PUBLISHES: Ink = Ink { light: 0x09_69_DA, dark: 0x58_A6_FF };
/// Readers wait for publishes.
pub(crate) const READERS: Ink = Ink { light: 0xB3_54_00, dark: 0xF0_94_3C };
/// Both wait.
pub(crate) const BOTH: Ink = Ink { light: 0xC4_1E_3A, dark: 0xFF_7B_88 };
/// An outside peer, or the noise of the machine.
pub(crate) const PEER: Ink = Ink { light: 0x6E_77_81, dark: 0x8B_94_9E };

const ALL: [Ink; 9] = [TEXT, MUTED, GRID, BAND, NEITHER, PUBLISHES, READERS, BOTH, PEER];

impl From<Ink> for RGBColor {
    fn from(ink: Ink) -> Self {
        let [_, red, green, blue] = ink.light.to_be_bytes();
        Self(red, green, blue)
    }
}

/// The style rules that replace the colours on dark paper.
#[must_use]
pub fn style() -> String {
    let mut rules = String::from("@media (prefers-color-scheme: dark) {\n");
    for Ink { light, dark } in ALL {
        for property in ["fill", "stroke"] {
            let _ = writeln!(rules, "svg [{property}=\"#{light:06X}\"] {{ {property}: #{dark:06X} }}");
        }
    }
    rules + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast by WCAG: of text at least 4.5, of symbols at least 3.
    #[test]
    fn colours_are_readable_on_both_papers() {
        let channel = |byte: u8| {
            let share = f64::from(byte) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |colour: u32| {
            let [_, red, green, blue] = colour.to_be_bytes().map(channel);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let contrast = |one, other| {
            let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
            f64::max(one / other, other / one)
        };
        for (inks, least) in [(&[TEXT, MUTED][..], 4.5), (&[NEITHER, PUBLISHES, READERS, BOTH, PEER][..], 3.0)] {
            for &Ink { light, dark } in inks {
                for (ink, paper) in [(light, 0xFF_FF_FF), (light, BAND.light), (dark, 0x0D_11_17), (dark, BAND.dark)] {
                    assert!(contrast(ink, paper) >= least, "{ink:06X} on {paper:06X}: {}", contrast(ink, paper));
                }
            }
        }
    }
}
