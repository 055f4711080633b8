//! Values computed from a machine: its fallback orders, its zones with watermarks and reserves, and its picture.

pub(crate) mod boot;
pub mod fallback_order;
pub mod picture;
pub mod zoneinfo;
