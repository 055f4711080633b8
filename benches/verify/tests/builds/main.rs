//! Tests that need a build with other flags, or outside the workspace.

#[cfg(target_os = "linux")]
mod blocking;
mod features;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod freestanding;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fuzz;
mod newcomers;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod no_panic;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod no_std;
mod own_scheme;
mod progress;
mod scheduled;
