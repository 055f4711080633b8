//! Tables of atomic words that hold zonelists, in memory that is allocated once.
//!
//! | file | content |
//! |---|---|
//! | `capacity` | [`Capacity`]: the size of a table, and where each list is |
//! | `slot` | [`Slot`]: one entry of a table |
//! | `storage` | [`Storage`]: where the words of a table are stored |
//! | `slots` | [`Slots`]: one table, rewritten in place |
//! | `slot_walk` | [`SlotFilter`], [`SlotWalk`]: walks over a table |
//! | `double_buffer` | [`DoubleBuffer`]: two tables, one of which is read while the other is written |
//! | `order_tables` | [`OrderTables`]: zones in an order, each with the number of a presence bit |
//! | `zone_mask` | [`ZoneMask`], [`AtomicZoneMask`]: the presence bits, in one word |
//! | `order_walk` | [`OrderFilter`], [`OrderWalk`]: walks over an order, with a mask |

mod capacity;
mod double_buffer;
mod order_tables;
mod order_walk;
mod slot;
mod slot_walk;
mod slots;
mod storage;
mod zone_mask;

pub use capacity::{Capacity, CapacityError};
pub use double_buffer::{Buffer, BufferWalk, DoubleBuffer};
pub use order_tables::{OrderEntry, OrderTable, OrderTables};
pub use order_walk::{OrderFilter, OrderWalk};
pub use slot::{Slot, Word};
pub use slot_walk::{SlotFilter, SlotWalk};
pub use slots::Slots;
pub use storage::Storage;
pub use zone_mask::{AtomicZoneMask, ZoneMask};
