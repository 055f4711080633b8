//! What the firmware says about the machine: RAM from the boot protocol, CPUs and nodes from ACPI's MADT, SRAT and SLIT.

use alloc::{boxed::Box, vec, vec::Vec};
use core::{error::Error, ops::Range, ptr::NonNull};

use acpi::{
    AcpiHandler, AcpiTable, AcpiTables, PhysicalMapping,
    madt::{Madt, MadtEntry},
    sdt::{SdtHeader, Signature},
};

use crate::line;

/// The machine as the firmware describes it. Addresses are in bytes.
pub struct Firmware {
    /// RAM that the firmware and its tables do not use.
    pub ram: Vec<Range<u64>>,
    /// The memory of each node, with holes.
    pub memory: Vec<(u32, Range<u64>)>,
    /// The APIC and the node of each CPU.
    pub cpus: Vec<(u32, u32)>,
    /// The distances between nodes.
    pub distance: Vec<Vec<u32>>,
    /// The address of each CPU's own local APIC.
    pub apic: u64,
}

/// The boot protocol's `hvm_start_info`, version 1.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

/// An entry of the boot protocol's memory map. Type 1 is RAM.
#[repr(C)]
struct MemoryMapEntry {
    start: u64,
    bytes: u64,
    kind: u32,
    reserved: u32,
}

impl Firmware {
    /// Reads the tables.
    ///
    /// # Safety
    /// The boot protocol has passed this address, and its memory and the firmware's tables are unchanged.
    pub unsafe fn read(start_info: usize) -> Result<Self, Box<dyn Error>> {
        // SAFETY: the caller passes the address of the structure, which is mapped to itself, and which nothing writes.
        let info = unsafe { &*(start_info as *const StartInfo) };
        if info.magic != 0x336e_c578 || info.version < 1 {
            return Err("no start info with a memory map; expected a loader of the boot protocol PVH".into());
        }
        let (entries, count) = (info.memory_map as *const MemoryMapEntry, info.memory_map_entries as usize);
        // SAFETY: the memory map has that number of entries, and nothing writes it.
        let map = unsafe { core::slice::from_raw_parts(entries, count) };
        let ram = map.iter().filter(|entry| entry.kind == 1).map(|entry| entry.start..entry.start + entry.bytes);
        // SAFETY: the boot protocol passes the address of a table of the firmware.
        let tables = unsafe { AcpiTables::from_rsdp(Mapped, info.rsdp as usize) };
        let tables = tables.map_err(|error| alloc::format!("no ACPI tables: {error:?}"))?;
        let madt = tables.find_table::<Madt>().map_err(|error| alloc::format!("no MADT: {error:?}"))?;
        let apics = madt.get().entries().filter_map(|entry| match entry {
            MadtEntry::LocalApic(cpu) if cpu.flags & 1 != 0 => Some(u32::from(cpu.apic_id)),
            MadtEntry::LocalX2Apic(cpu) if cpu.flags & 1 != 0 => Some(cpu.x2apic_id),
            _ => None,
        });
        let mut firmware = Self {
            ram: ram.collect(),
            memory: vec![(0, 0..u64::MAX)],
            cpus: apics.map(|apic| (apic, 0)).collect(),
            distance: vec![vec![10]],
            apic: madt.get().local_apic_address.into(),
        };
        // Without these two, the machine has one node.
        if let (Ok(srat), Ok(slit)) = (tables.find_table::<Srat>(), tables.find_table::<Slit>()) {
            firmware.read_nodes(bytes(&srat));
            firmware.distance = distances(bytes(&slit)).ok_or("SLIT: too short")?;
        }
        Ok(firmware)
    }

    /// Reads the nodes of memory and CPUs.
    fn read_nodes(&mut self, srat: &[u8]) {
        self.memory.clear();
        let mut rest = srat.get(48..).unwrap_or_default();
        while let Some((entry, next)) = rest.get(1).and_then(|&length| rest.split_at_checked(length.max(2).into())) {
            let number = |at| entry.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
            let long = |at| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
            match entry[0] {
                0 if number(4) & 1 != 0 => self.set_node(entry[3].into(), entry[2].into()),
                1 if number(28) & 1 != 0 => self.memory.push((number(2), long(8)..long(8).saturating_add(long(16)))),
                2 if number(12) & 1 != 0 => self.set_node(number(8), number(4)),
                _ => {}
            }
            rest = next;
        }
    }

    fn set_node(&mut self, apic: u32, node: u32) {
        self.cpus.iter_mut().filter(|cpu| cpu.0 == apic).for_each(|cpu| cpu.1 = node);
    }

    /// The numbers of the nodes.
    pub fn nodes(&self) -> Range<u32> {
        0..self.distance.len() as u32
    }

    /// Prints a line for each node.
    pub fn print(&self) {
        for node in self.nodes() {
            let own = self.memory.iter().filter(|(home, _)| *home == node);
            let bytes: u64 = own.flat_map(|(_, range)| self.ram.iter().map(|ram| overlap(range, ram))).sum();
            let cpus: Vec<usize> = (0..self.cpus.len()).filter(|&cpu| self.cpus[cpu].1 == node).collect();
            line!("node {node}: {} MiB, CPUs {cpus:?}, distances {:?}", bytes >> 20, self.distance[node as usize]);
        }
    }
}

/// The length of the intersection of two ranges.
fn overlap(one: &Range<u64>, other: &Range<u64>) -> u64 {
    one.end.min(other.end).saturating_sub(one.start.max(other.start))
}

/// The matrix of a SLIT.
fn distances(slit: &[u8]) -> Option<Vec<Vec<u32>>> {
    let nodes = *slit.get(36)? as usize;
    let matrix = slit.get(44..44 + nodes * nodes)?;
    Some(matrix.chunks_exact(nodes).map(|row| row.iter().map(|&distance| distance.into()).collect()).collect())
}

/// Declares a table that the crate finds and checks, and whose entries are read here.
macro_rules! table {
    ($name:ident, $signature:ident) => {
        #[repr(transparent)]
        struct $name(SdtHeader);

        // SAFETY: the type is the header that every table begins with.
        unsafe impl AcpiTable for $name {
            const SIGNATURE: Signature = Signature::$signature;

            fn header(&self) -> &SdtHeader {
                &self.0
            }
        }
    };
}

table!(Srat, SRAT);
table!(Slit, SLIT);

/// The bytes of a table, header included.
fn bytes<T: AcpiTable>(table: &PhysicalMapping<Mapped, T>) -> &[u8] {
    let start = table.virtual_start().as_ptr().cast::<u8>();
    // SAFETY: the mapping has that length, as the checksum of the table has shown, and nothing writes it.
    unsafe { core::slice::from_raw_parts(start, table.region_length()) }
}

/// All physical memory below 4 GiB is mapped to itself.
#[derive(Clone)]
struct Mapped;

impl AcpiHandler for Mapped {
    unsafe fn map_physical_region<T>(&self, start: usize, bytes: usize) -> PhysicalMapping<Self, T> {
        let address = NonNull::new(start as *mut T).expect("a table's address");
        // SAFETY: the region is mapped to itself, and the caller says that it has a `T`.
        unsafe { PhysicalMapping::new(start, address, bytes, bytes, Self) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}
