//! Publication of zonelists in place, without a lock, a grace period or an allocation.
