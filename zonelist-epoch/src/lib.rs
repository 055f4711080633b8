//! Publication of zonelists by grace periods.
