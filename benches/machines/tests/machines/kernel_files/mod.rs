//! Kernel files: arbitrary lists, folders of nodes, and kernels.

mod folders;
mod live;
mod properties;
mod real;
