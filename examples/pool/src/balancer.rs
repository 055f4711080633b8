//! The balancer: demotes and promotes pages, and puts memory blocks of the far tier online and offline.

use std::time::Duration;

use zonelist_core::{
    NodeId,
    hotplug::{BlockId, Errno, MemoryBlockState, OnlineTo, Operation, Until},
};

use crate::{
    error::PoolError,
    pool::{Local, Pool},
    tiers::{BLOCK, FAR, NEAR},
};

/// Free pages of the near tier: below the first, pages are demoted until the second is reached.
const NEAR_FREE: [usize; 2] = [256, 512];
/// Free pages of the far tier: below the first, a block goes online; above the second, one goes offline.
const FAR_FREE: [usize; 2] = [BLOCK as usize / 2, 2 * BLOCK as usize];

/// What the balancer has done.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each field counts what its name says")]
pub struct Counts {
    pub promoted: usize,
    pub demoted: usize,
    pub onlined: usize,
    pub offlined: usize,
    /// Operations that were refused, as pages in use did not leave in time.
    pub refused: usize,
}

impl Pool<'_> {
    /// The free pages of a tier.
    #[must_use]
    pub fn free_pages(&self, tier: NodeId) -> usize {
        let zones = self.tiers.provider().allocator().zones().iter();
        zones.filter(|zone| zone.id().node() == tier).map(zonelist_core::Zone::free_pages).sum()
    }

    /// One pass of the clock over all keys. A page that was used since the last pass is promoted if the near tier has
    /// room; one that was not is demoted if the near tier is nearly full. Returns the pages of the near and far tier.
    ///
    /// # Errors
    /// A page is not one of this pool's.
    pub fn balance(&self, local: &mut Local<'_>, counts: &mut Counts) -> Result<[usize; 2], PoolError> {
        let mut resident = [0; 2];
        let mut demoting = self.free_pages(NEAR) < NEAR_FREE[0];
        for key in 0..self.keys() {
            let Some((tier, used)) = self.inspect(key)? else { continue };
            resident[usize::from(tier == FAR)] += 1;
            let free = self.free_pages(NEAR);
            demoting = free < NEAR_FREE[usize::from(demoting)];
            if tier == NEAR && !used && demoting {
                counts.demoted += usize::from(self.transfer(key, FAR, local)?);
            } else if tier == FAR && used && free > NEAR_FREE[0] {
                counts.promoted += usize::from(self.transfer(key, NEAR, local)?);
            }
        }
        Ok(resident)
    }

    /// Puts a block of the far tier online if the tier is nearly full, or offline if two blocks are free.
    ///
    /// # Errors
    /// An operation fails for another reason than pages in use.
    pub fn resize(&self, counts: &mut Counts) -> Result<(), PoolError> {
        let (free, state) = (self.free_pages(FAR), self.tiers.state());
        let offline = |state: &MemoryBlockState| *state == MemoryBlockState::Offline;
        if free < FAR_FREE[0] {
            let Some(block) = state.blocks().iter().find(|block| offline(&block.state)) else { return Ok(()) };
            self.tiers.apply(&Operation::Online { block: block.number, to: OnlineTo::Movable })?;
            counts.onlined += 1;
        } else if free > FAR_FREE[1] {
            let Some(block) = state.blocks().iter().rev().find(|block| !offline(&block.state)) else { return Ok(()) };
            self.shrink(block.number, counts)?;
        }
        Ok(())
    }

    fn shrink(&self, block: BlockId, counts: &mut Counts) -> Result<(), PoolError> {
        // A page that a thread has allocated and not yet put behind its handle does not migrate, but is soon.
        let deadline = &mut Until::after(Duration::from_millis(500));
        match self.tiers.apply_within(&Operation::Offline { block }, deadline) {
            Ok(_) => counts.offlined += 1,
            Err(error) if [Errno::Busy, Errno::Again, Errno::Intr].contains(&error.errno()) => counts.refused += 1,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
