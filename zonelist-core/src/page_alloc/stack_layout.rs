//! The layout of per-CPU pages: the depth of each stack, and its first place in the frames that all stacks share.

use super::page::Tag;
use crate::zone::MAX_ORDER;

/// The depth of a stack, in blocks, by order: single pages, small blocks, and huge pages of 512 frames.
const DEPTH: [usize; MAX_ORDER as usize + 1] = [1024, 64, 64, 64, 0, 0, 0, 0, 0, 16, 0];

/// The sum of the depths of all stacks, of both mobilities.
pub(super) const FRAMES: usize = {
    let (mut sum, mut order) = (0, 0);
    while order < DEPTH.len() {
        sum += 2 * DEPTH[order];
        order += 1;
    }
    sum
};

/// The first place of each stack in the frames. The stack of an order that is not cached has a start, and no room.
pub(super) const START: [usize; Tag::LIMIT] = {
    let (mut start, mut tag, mut sum) = ([FRAMES; Tag::LIMIT], 0, 0);
    while tag < 2 * DEPTH.len() {
        start[tag] = sum;
        sum += DEPTH[tag / 2];
        tag += 1;
    }
    start
};

/// The first place of a stack in the frames.
pub(super) const fn start(tag: Tag) -> usize {
    // An index is always in range, but the compiler does not see that in every caller: 0 avoids a panic path.
    let index = tag.index();
    if index < START.len() { START[index] } else { 0 }
}

/// The depth of a stack, in blocks; 0 if blocks of the order are not cached.
pub(super) const fn depth(tag: Tag) -> usize {
    let order = tag.order() as usize;
    if order < DEPTH.len() { DEPTH[order] } else { 0 }
}
