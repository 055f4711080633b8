//! Publication of zonelists under a sequence counter.
