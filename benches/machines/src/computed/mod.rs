//! What follows from a machine: its fallback orders, and its zones with marks and reserves.

pub mod order;
pub mod zoneinfo;
