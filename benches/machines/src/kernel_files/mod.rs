//! Machines as a kernel describes them: in sysfs, in procfs, and in its formats of lists and masks.

mod distances;
mod find;
mod list;
mod live;
mod mask;
mod node_folder;
mod text;
mod zoneinfo;

pub(crate) use find::is_file_of_nodes;
pub use list::parse_list;
pub use live::live;
pub use node_folder::sysfs;
pub use zoneinfo::{ZoneSizes, parse_zoneinfo};
