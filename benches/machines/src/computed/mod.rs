//! Values computed from a machine: its fallback orders, and its zones with watermarks and reserves.

pub(crate) mod boot;
pub mod fallback_order;
pub mod zoneinfo;
