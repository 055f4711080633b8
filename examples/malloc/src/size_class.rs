//! Size classes: the sizes of the objects that slabs are divided into.
//!
//! Multiples of 16 bytes up to 128, then four classes to each power of two, up to half a slab. So at most a fifth of an
//! object is unused, and every object is aligned to 16 bytes.

/// Bytes of a slab: a block of order 3, the largest order that per-CPU pages keep in number.
pub(crate) const SLAB_BYTES: usize = 32 << 10;

/// The largest size that is allocated from a slab.
pub(crate) const LARGEST: usize = SLAB_BYTES / 2;

/// The number of size classes.
pub(crate) const CLASSES: usize = 36;

/// The step of the small classes, and the number of these.
const STEP: usize = 16;
const SMALL: usize = 8;

/// The bytes of an object, by class.
pub(crate) const SIZES: [usize; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = if class < SMALL {
            (class + 1) * STEP
        } else {
            let (doubling, quarter) = ((class - SMALL) / 4, (class - SMALL) % 4);
            ((STEP * SMALL) << doubling) / 4 * (5 + quarter)
        };
        class += 1;
    }
    assert!(sizes[CLASSES - 1] == LARGEST);
    sizes
};

/// The class of the smallest objects that have room for `size` bytes, which are at most [`LARGEST`].
#[inline(always)]
pub(crate) fn class_of(size: usize) -> usize {
    if size <= STEP * SMALL {
        return size.saturating_sub(1) / STEP;
    }
    let last = size - 1;
    let bits = last.ilog2() as usize;
    SMALL + (bits - 7) * 4 + (last >> (bits - 2) & 3)
}

/// The class of the smallest objects that have room for `size` bytes and are aligned to `align`, a power of two. `None`
/// if no class has.
pub(crate) fn class_aligned(size: usize, align: usize) -> Option<usize> {
    let size = size.max(align);
    if size > LARGEST {
        return None;
    }
    // A slab is aligned to its length, so the objects of a class are aligned to what divides their size.
    (class_of(size)..CLASSES).find(|&class| SIZES[class].is_multiple_of(align))
}
