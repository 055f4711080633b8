//! Machines as a kernel describes them: in sysfs, in procfs, and in its list format.

mod list;
mod live;
mod node_folder;
mod zoneinfo;

pub use list::parse_list;
pub use live::live;
pub use node_folder::sysfs;
