//! Interrupts of the local APIC's timer, whose handler allocates and frees pages, and exceptions, which end the machine.

use alloc::{boxed::Box, vec};
use core::{arch::global_asm, ptr, sync::atomic::Ordering::Relaxed};

use x86_64::{
    VirtAddr,
    instructions::{
        interrupts as cpu,
        segmentation::{CS, SS, Segment},
        tables,
    },
    registers::model_specific::GsBase,
    structures::{
        DescriptorTablePointer,
        gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector},
        tss::TaskStateSegment,
    },
};
use zonelist_core::{
    NodeId, Page, PageRequest, ZoneKind,
    page_alloc::PreparedRequest,
    zone::{Order, Urgency},
};

use crate::{
    apic,
    cpus::Counts,
    line,
    memory::{Allocator, Handle, Scheme},
    owners, serial,
};

global_asm!(include_str!("interrupts.s"), timer = sym timer, fault = sym fault, options(att_syntax));

unsafe extern "C" {
    safe fn timer_entry();
    safe fn spurious_entry();
    safe fn fault_entries();
}

const TIMER: u8 = 0x40;
const SPURIOUS: u8 = 0xff;

/// The state of a CPU's interrupt handler, which no other code accesses while the CPU's interrupts are on.
pub struct Handler {
    counts: &'static Counts,
    node: NodeId,
    local: &'static mut Handle,
    requests: [PreparedRequest<Scheme>; 2],
    /// The pages of the last interrupts. Each interrupt replaces the oldest.
    kept: [Option<Page>; 32],
    next: usize,
    stack: *const u128,
}

/// Words of 16 bytes of a stack.
const STACK: usize = 1024;

impl Handler {
    pub fn new(allocator: &Allocator, local: &'static mut Handle, node: NodeId, counts: &'static Counts) -> Self {
        let request = PageRequest::up_to(ZoneKind::Normal).urgency(Urgency::HIGH.and(Urgency::NON_BLOCKING));
        let requests = [request, request.order(Order::of::<2>())].map(|request| allocator.prepare(&request));
        Self { counts, node, local, requests, kept: [const { None }; 32], next: 0, stack: ptr::null() }
    }

    /// Frees the oldest page, and allocates another in its place. Waits for nothing.
    fn tick(&mut self) {
        let Counts { ticks, nested, refused, busy, in_handler, operating, .. } = self.counts;
        ticks.add();
        if operating.load(Relaxed) {
            nested.add();
        }
        let place = &mut self.kept[self.next % 32];
        if let Some(page) = place.take() {
            owners::release(&page);
            if let Err(error) = self.local.try_free(page) {
                // The interrupted code has the lock of the zone: a later interrupt tries again.
                let page = error.into_page();
                owners::claim(&page);
                *place = Some(page);
                return busy.add();
            }
        }
        match self.local.try_alloc(self.node, &self.requests[self.next % 2]) {
            Ok(page) => {
                owners::claim(&page);
                in_handler.add();
                *place = Some(page);
            }
            Err(_) => refused.add(),
        }
        self.next += 1;
    }
}

extern "C" fn timer() {
    let handler = GsBase::read().as_mut_ptr::<Handler>();
    // SAFETY: `start` has set the address before the CPU's first interrupt. Interrupts are off in the handler and where
    // `stop` accesses the state, so this is the only reference.
    unsafe { &mut *handler }.tick();
    // SAFETY: the timer was started, so the address is set.
    unsafe { apic::end_of_interrupt() };
}

/// Reports an exception with what the CPU has pushed: an error code or none, and the address of the instruction.
extern "C" fn fault(vector: u64, stack: *const [u64; 2]) -> ! {
    // SAFETY: the CPU has pushed at least five words there.
    let [first, second] = unsafe { stack.read() };
    line!("exception {vector}: {first:#x} {second:#x}");
    serial::exit(false)
}

/// A gate of the IDT: to an entry, on a stack of the TSS, with interrupts off.
fn gate(entry: u64, stack: u64) -> [u64; 2] {
    const CODE: u64 = 8;
    [entry & 0xffff | CODE << 16 | stack << 32 | 0x8e00 << 32 | (entry >> 16 & 0xffff) << 48, entry >> 32]
}

/// Starts the timer of this CPU, with its own stacks, segments and handler.
///
/// # Safety
/// The address of the APIC is set.
pub unsafe fn start(mut handler: Handler) {
    let stack = || Box::leak(vec![0_u128; STACK].into_boxed_slice()).as_ptr();
    handler.stack = stack();
    let mut tss = TaskStateSegment::new();
    tss.interrupt_stack_table[0] = VirtAddr::from_ptr(handler.stack.wrapping_add(STACK));
    tss.interrupt_stack_table[1] = VirtAddr::from_ptr(stack().wrapping_add(STACK));
    let gdt = Box::leak(Box::new(GlobalDescriptorTable::new()));
    let code = gdt.append(Descriptor::kernel_code_segment());
    let tss = gdt.append(Descriptor::tss_segment(Box::leak(Box::new(tss))));
    gdt.load();
    // SAFETY: the selector is of a code segment of the table, of 64 bits and ring 0.
    unsafe { CS::set_reg(code) };
    // SAFETY: in 64-bit mode the stack segment may be null in ring 0.
    unsafe { SS::set_reg(SegmentSelector(0)) };
    // SAFETY: the selector is of the task state of the table, which lives for good.
    unsafe { tables::load_tss(tss) };
    let idt = Box::leak(Box::new([[0; 2]; 256]));
    for (gate, vector) in idt.iter_mut().zip(0..32) {
        *gate = self::gate(fault_entries as *const () as u64 + 16 * vector, 2);
    }
    idt[usize::from(TIMER)] = gate(timer_entry as *const () as u64, 1);
    idt[usize::from(SPURIOUS)] = gate(spurious_entry as *const () as u64, 1);
    let idt = DescriptorTablePointer { limit: size_of_val(idt) as u16 - 1, base: VirtAddr::from_ptr(idt) };
    // SAFETY: the table lives for good, and its gates are to code that returns by `iretq` or not at all.
    unsafe { tables::lidt(&idt) };
    GsBase::write(VirtAddr::from_ptr(Box::leak(Box::new(handler))));
    // SAFETY: the caller has set the address, and the gates of both vectors are set above.
    unsafe { apic::start_timer(TIMER, SPURIOUS) };
    cpu::enable();
}

/// Stops the timer of this CPU, and frees the pages of its handler. Interrupts stay off.
///
/// # Safety
/// `start` was called on this CPU.
pub unsafe fn stop() {
    cpu::disable();
    // SAFETY: `start` has started the timer, so the address is set.
    unsafe { apic::stop_timer() };
    let handler = GsBase::read().as_mut_ptr::<Handler>();
    // SAFETY: `start` has set the address. Interrupts are off, so that the handler has no reference.
    let handler = unsafe { &mut *handler };
    for page in handler.kept.iter_mut().filter_map(Option::take) {
        owners::release(&page);
        handler.local.free(page).expect("a page of this allocator");
    }
    // SAFETY: the stack has that many words, and is not in use while interrupts are off.
    let is_unused = |word: &usize| unsafe { handler.stack.wrapping_add(*word).read() } == 0;
    handler.counts.stack.set(16 * (STACK - (0..STACK).take_while(is_unused).count()) as u64);
}
