//! Replays: recorded hotplug against our machine, and our machine against an oracle.
//!
//! The oracle is a second implementation of Linux's memory hotplug. It has to reproduce the recorded machines, and our
//! machine has to reproduce the oracle on random ones.

mod goldens;
mod oracle;
mod oracle_on_goldens;
mod oracle_on_random;
mod presence;
mod random;
mod real_zoneinfo;
