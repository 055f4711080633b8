//! Machines: what the kernel recorded of them, what a file can say, and what hotplug makes of them.

mod folder;
mod goldens;
mod hotplug;
mod order;
mod presence;
mod properties;
mod recorded;
mod zones;
