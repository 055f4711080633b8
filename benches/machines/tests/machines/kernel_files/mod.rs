//! Kernel files: arbitrary lists, folders of nodes, and kernels.

mod properties;
