//! Arguments that several subcommands share: machines that are refused, and machines with overlapping zones.

mod bad_machines;
mod zone_ranges;
