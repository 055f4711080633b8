//! The extent of a pageblock: which of its frames are managed, in a few bits.

use super::{
    bitmap::{self, PageblockBitmap},
    limits::PAGEBLOCK_FRAMES,
};

/// The managed frames of a pageblock.
///
/// ```text
///   bits 0..2 kind | one run, or all but one run: 2..12 start, 12..22 end | in a bitmap: 2..34 its number
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// All frames or none, as the managed count says.
    Uniform,
    /// The frames from the first boundary to before the second.
    Run(u16, u16),
    /// All frames except those from the first boundary to before the second.
    AllBut(u16, u16),
    /// The frames in the bitmap of this number.
    Bitmap(u32),
}

/// Bits of a boundary: at most the number of frames of a pageblock.
const BOUNDARY_BITS: u32 = 10;
const BOUNDARY: u64 = (1 << BOUNDARY_BITS) - 1;

impl Extent {
    pub(super) fn from_bits(bits: u64) -> Self {
        let (kind, rest) = (bits & 3, bits >> 2);
        let (start, end) = ((rest & BOUNDARY) as u16, (rest >> BOUNDARY_BITS & BOUNDARY) as u16);
        match kind {
            0 => Self::Uniform,
            1 => Self::Run(start, end),
            2 => Self::AllBut(start, end),
            _ => Self::Bitmap(rest as u32),
        }
    }

    pub(super) fn bits(self) -> u64 {
        let boundaries = |start: u16, end: u16| (u64::from(start) | u64::from(end) << BOUNDARY_BITS) << 2;
        match self {
            Self::Uniform => 0,
            Self::Run(start, end) => 1 | boundaries(start, end),
            Self::AllBut(start, end) => 2 | boundaries(start, end),
            Self::Bitmap(number) => 3 | u64::from(number) << 2,
        }
    }

    /// The extent of a set of frames; `None` if only a bitmap can represent it.
    pub(super) fn of(frames: &PageblockBitmap) -> Option<Self> {
        let count = bitmap::count(frames);
        if count == 0 || count == PAGEBLOCK_FRAMES {
            return Some(Self::Uniform);
        }
        let missing = frames.map(|word| !word);
        // A set is one run exactly if it has as many frames as lie from its first to its last.
        let as_run = |frames: &PageblockBitmap, count: usize| {
            let (first, last) = (bitmap::first(frames)?, bitmap::last(frames)?);
            (last + 1 - first == count).then_some((first as u16, last as u16 + 1))
        };
        // One run is tried first, so that a set that is both has one representation.
        let run = as_run(frames, count).map(|(start, end)| Self::Run(start, end));
        run.or_else(|| as_run(&missing, PAGEBLOCK_FRAMES - count).map(|(start, end)| Self::AllBut(start, end)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn bits_of_an_extent_decode_to_the_extent() {
        for extent in [Extent::Uniform, Extent::Run(0, 512), Extent::AllBut(511, 512), Extent::Bitmap(u32::MAX - 1)] {
            assert_eq!(Extent::from_bits(extent.bits()), extent);
            assert!(extent.bits() < 1 << 34, "it fits behind the managed count");
        }
    }
}
