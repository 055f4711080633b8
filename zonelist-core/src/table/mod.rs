//! Tables of atomic words that schemes keep zonelists in, with memory that is allocated once.

mod capacity;
mod double_buffer;
mod order_tables;
mod slots;

pub use capacity::{Capacity, CapacityError};
pub use double_buffer::{Buffer, BufferWalk, DoubleBuffer};
pub use order_tables::{AtomicZoneMask, OrderEntry, OrderFilter, OrderTable, OrderTables, OrderWalk, ZoneMask};
pub use slots::{Slot, SlotFilter, SlotWalk, Slots, Storage, Word};
