//! A kernel whose page allocator is that of `zonelist-core`: see README.md.
#![no_std]
#![no_main]

extern crate alloc;

mod apic;
mod cpus;
mod firmware;
mod interrupts;
mod memory;
mod owners;
mod requests;
mod serial;
mod topology;

use alloc::boxed::Box;
use core::{arch::global_asm, error::Error, panic::PanicInfo};

use zonelist_core::publish::Scheme as _;

use crate::{
    cpus::{COUNTS, Counts, Cpu},
    firmware::Firmware,
    memory::{Machine, Scheme},
};

global_asm!(include_str!("boot.s"), main = sym main, next_cpu = sym cpus::next_cpu, options(att_syntax));
#[cfg(not(target_os = "none"))]
global_asm!(include_str!("mem.s"), options(att_syntax));

/// The steps that CPU 0 takes beside the others.
const STEPS: usize = 20_000;

/// The entry of CPU 0.
extern "C" fn main(start_info: u32) -> ! {
    let outcome = run(start_info);
    if let Err(error) = &outcome {
        line!("FAILED: {error}");
    }
    serial::exit(outcome.is_ok())
}

fn run(start_info: u32) -> Result<(), Box<dyn Error>> {
    memory::start_heap()?;
    // SAFETY: the boot protocol has passed the address, and nothing was written since.
    let firmware = unsafe { Firmware::read(start_info as usize) }?;
    line!("zonelist on {} CPUs, lists published by {}", firmware.cpus.len(), Scheme::FACTS.scheme);
    firmware.print();
    let machine = memory::boot(&firmware)?;
    let allocator = machine.provider().allocator();
    let free: usize = allocator.zones().iter().map(|zone| zone.free_pages()).sum();
    line!("{free} frames are free:");
    serial::print(format_args!("{}", allocator.buddyinfo()));

    // SAFETY: the address is of the firmware's tables, and all of the first 4 GiB is mapped.
    unsafe { apic::set_address(firmware.apic) };
    let mut cpu = Cpu::new(0, &firmware, machine)?;
    for (number, &(apic, _)) in firmware.cpus.iter().enumerate().skip(1) {
        let cpu = Cpu::new(number, &firmware, machine)?;
        // SAFETY: the address is set, and the CPU has not begun.
        unsafe { cpus::start(apic, cpu) }?;
    }
    // SAFETY: the address is set, and this is CPU 0.
    unsafe { cpu.start_interrupts() };
    (0..STEPS).for_each(|_| cpu.step());
    cpu.free_kept();
    requests::dma(&mut cpu, machine)?;
    requests::contiguous(machine)?;
    requests::hotplug(&mut cpu, machine)?;

    // SAFETY: the interrupts of this CPU were started above.
    unsafe { interrupts::stop() };
    cpus::stop();
    print_counts(firmware.cpus.len());
    allocator.drain()?;
    serial::print(format_args!("{}{}", allocator.zoneinfo(), allocator.buddyinfo()));
    check(machine, free)
}

fn print_counts(cpus: usize) {
    for (number, counts) in COUNTS.iter().enumerate().take(cpus) {
        let Counts { allocated, ticks, nested, in_handler, refused, busy, stack, .. } = counts;
        line!("CPU {number}: {allocated} blocks; {ticks} interrupts, {nested} of them within an allocation or a free,");
        line!("  with {in_handler} blocks, {refused} requests refused, {busy} frees put off, {stack} bytes of stack");
    }
}

/// Checks that all frames are free again.
fn check(machine: &Machine, free: usize) -> Result<(), Box<dyn Error>> {
    let zones = machine.provider().allocator().zones();
    let now: usize = zones.iter().map(|zone| zone.free_pages()).sum();
    if (now, owners::owned()) != (free, 0) {
        return Err(alloc::format!("{now} of {free} frames are free, and {} are owned", owners::owned()).into());
    }
    line!("all {now} frames are free again, and none had two owners");
    Ok(())
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line!("FAILED: {info}");
    serial::exit(false)
}
