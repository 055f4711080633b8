//! The layout of per-CPU pages: the depth of each stack, and its first place in the frames that all stacks share.

use super::{page::Tag, per_cpu_pages::STARTS};
use crate::zone::Order;

/// The depth of a stack, in blocks, by order: single pages, small blocks, and huge pages of 512 frames.
const DEPTH: [usize; Order::COUNT] = [1024, 64, 64, 64, 0, 0, 0, 0, 0, 16, 0];

/// The sum of the depths of all stacks, of both mobilities.
pub(super) const FRAMES: usize = {
    let (mut sum, mut order) = (0, 0);
    while order < DEPTH.len() {
        sum += 2 * DEPTH[order];
        order += 1;
    }
    sum
};

/// The first place of each stack in the frames. The stack of an order that is not cached has one, and no room.
const FIRST: [usize; Tag::LIMIT] = {
    let (mut first, mut tag, mut sum) = ([FRAMES; Tag::LIMIT], 0, 0);
    while tag < 2 * DEPTH.len() {
        first[tag] = sum;
        sum += DEPTH[tag / 2];
        tag += 1;
    }
    first
};

/// The first place of a stack in the frames.
pub(super) const fn first(tag: Tag) -> usize {
    // An index is always in range, but the compiler does not see that in every caller: the end avoids a panic path.
    let index = tag.index();
    if index < FIRST.len() { FIRST[index] } else { FRAMES }
}

/// The first place of each stack, counted in words from the stack itself: the frames are this number of bytes behind the
/// first of the stacks, each of which has `stack` bytes.
pub(super) const fn starts(frames: usize, stack: usize) -> [usize; Tag::LIMIT] {
    let (mut starts, mut tag) = (FIRST, 0);
    while tag < Tag::LIMIT {
        starts[tag] += (frames - tag * stack) / size_of::<u32>();
        tag += 1;
    }
    starts
}

/// The start of a stack: see [`starts`].
pub(super) const fn start(tag: Tag) -> usize {
    // An index is always in range, but the compiler does not see that in every caller: 0 avoids a panic path.
    let index = tag.index();
    if index < STARTS.len() { STARTS[index] } else { 0 }
}

/// The depth of a stack, in blocks; 0 if blocks of the order are not cached.
pub(super) const fn depth(tag: Tag) -> usize {
    let order = tag.order().index();
    if order < DEPTH.len() { DEPTH[order] } else { 0 }
}
