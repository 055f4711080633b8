//! CPUs: what each of them has of its own, how CPU 0 starts the others, and what they do.

use alloc::{boxed::Box, vec};
use core::{
    error::Error,
    fmt,
    hint::spin_loop,
    sync::atomic::{
        AtomicBool, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use x86_64::instructions::{hlt, port::Port};
use zonelist_core::{Mobility, NodeId, Page, PageRequest, ZoneKind, page_alloc::PreparedRequest, zone::Order};

use crate::{
    apic,
    firmware::Firmware,
    interrupts::{self, Handler},
    memory::{self, Handle, Machine, Scheme},
    owners,
};

/// The largest number of CPUs.
pub const MAX_CPUS: usize = 8;

/// A count that one CPU changes.
pub struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one. A CPU and its interrupts change different counts.
    pub fn add(&self) {
        self.set(self.get() + 1);
    }

    pub fn set(&self, count: u64) {
        self.0.store(count, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The counts of a CPU.
pub struct Counts {
    /// Blocks that the CPU has allocated, without its interrupts.
    pub allocated: Count,
    /// Interrupts, and those of them that came during an allocation or a free.
    pub ticks: Count,
    pub nested: Count,
    /// Blocks that interrupts have allocated, allocations that were refused, and frees that were put off.
    pub in_handler: Count,
    pub refused: Count,
    pub busy: Count,
    /// Bytes of stack that the deepest interrupt has used.
    pub stack: Count,
    /// True during an allocation or a free.
    pub operating: AtomicBool,
}

impl Counts {
    const fn new() -> Self {
        let [allocated, ticks, nested, in_handler, refused, busy, stack] = [const { Count::new() }; 7];
        Self { allocated, ticks, nested, in_handler, refused, busy, stack, operating: AtomicBool::new(false) }
    }
}

pub static COUNTS: [Counts; MAX_CPUS] = [const { Counts::new() }; MAX_CPUS];

/// The number of CPUs that have begun and ended their work.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);
/// True when the work is to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// What a CPU has of its own.
pub struct Cpu {
    counts: &'static Counts,
    pub node: NodeId,
    nodes: usize,
    pub local: &'static mut Handle,
    requests: [PreparedRequest<Scheme>; 8],
    handler: Option<Handler>,
    kept: [Option<Page>; 64],
    random: u64,
}

impl Cpu {
    /// Creates a CPU with two handles: its own, and that of its interrupts.
    pub fn new(number: usize, firmware: &Firmware, machine: &'static Machine) -> Result<Self, Box<dyn Error>> {
        let counts = COUNTS.get(number).ok_or("too many CPUs")?;
        let node = NodeId::new(firmware.cpus[number].1 as u16).ok_or("too many nodes")?;
        let allocator = machine.provider().allocator();
        let (normal, movable) =
            (PageRequest::up_to(ZoneKind::Normal), PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable));
        let requests = [
            normal,
            normal.order(Order::of::<1>()),
            normal.order(Order::of::<3>()),
            normal.order(Order::of::<5>()),
            PageRequest::up_to(ZoneKind::Dma),
            movable,
            movable.order(Order::of::<2>()),
            movable.order(Order::PAGEBLOCK),
        ];
        let handler = Handler::new(allocator, memory::handle(machine)?, node, counts);
        Ok(Self {
            counts,
            node,
            nodes: firmware.nodes().len(),
            local: memory::handle(machine)?,
            requests: requests.map(|request| allocator.prepare(&request)),
            handler: Some(handler),
            kept: [const { None }; 64],
            random: 0x9e37_79b9_7f4a_7c15 ^ number as u64,
        })
    }

    /// Starts the interrupts of this CPU.
    ///
    /// # Safety
    /// The address of the APIC is set, and this is the CPU.
    pub unsafe fn start_interrupts(&mut self) {
        if let Some(handler) = self.handler.take() {
            // SAFETY: the caller says that the address is set.
            unsafe { interrupts::start(handler) };
        }
    }

    /// The next number of xorshift.
    fn random(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize
    }

    /// Frees a page at random, or allocates one of another size, mobility and node. Some requests are refused.
    pub fn step(&mut self) {
        let place = self.random() % self.kept.len();
        if let Some(page) = self.kept[place].take() {
            return self.free(page);
        }
        let (request, far) = (self.random() % self.requests.len(), self.random().is_multiple_of(8));
        let node = if far { NodeId::new((self.random() % self.nodes) as u16) } else { None };
        self.counts.operating.store(true, Relaxed);
        let page = self.local.alloc(node.unwrap_or(self.node), &self.requests[request]).ok();
        self.counts.operating.store(false, Relaxed);
        if let Some(page) = &page {
            owners::claim(page);
            self.counts.allocated.add();
        }
        self.kept[place] = page;
    }

    pub fn free(&mut self, page: Page) {
        owners::release(&page);
        self.counts.operating.store(true, Relaxed);
        self.local.free(page).expect("a page of this allocator");
        self.counts.operating.store(false, Relaxed);
    }

    /// Frees the pages that `step` has kept.
    pub fn free_kept(&mut self) {
        for place in 0..self.kept.len() {
            if let Some(page) = self.kept[place].take() {
                self.free(page);
            }
        }
    }
}

unsafe extern "C" {
    static trampoline: u8;
    static trampoline_end: u8;
    /// The stack of the next CPU, with a pointer to its `Cpu` on top.
    static next_stack: AtomicU64;
}

/// The page of the first code of other CPUs, which must be below 1 MiB.
const TRAMPOLINE: usize = 0x8000;

/// Starts a CPU by the number of its APIC, and waits until it has begun.
///
/// # Safety
/// The address of the APIC is set, and the CPU has not begun.
pub unsafe fn start(number: u32, cpu: Cpu) -> Result<(), Box<dyn Error>> {
    let stack = Box::leak(vec![0_u64; 8192].into_boxed_slice());
    let top = stack.len() - 1;
    stack[top] = Box::into_raw(Box::new(cpu)) as u64;
    // SAFETY: the word is an atomic of `boot.s`.
    unsafe { &next_stack }.store(&raw const stack[top] as u64, Release);
    let code = &raw const trampoline;
    let bytes = (&raw const trampoline_end).addr() - code.addr();
    // SAFETY: the code has that length, and the page is reserved RAM that only this function writes.
    unsafe { code.copy_to_nonoverlapping(TRAMPOLINE as *mut u8, bytes) };
    let begun = BEGUN.load(Relaxed);
    // SAFETY: the caller has set the address of the APIC, and the CPU has not begun.
    unsafe { apic::init(number) };
    for _ in 0..10 {
        wait();
        // SAFETY: the caller has set the address of the APIC, and the code is copied above.
        unsafe { apic::start_up(number, TRAMPOLINE) };
        wait();
        if BEGUN.load(Acquire) > begun {
            return Ok(());
        }
    }
    Err(alloc::format!("the CPU of APIC {number} does not begin").into())
}

/// Waits for about 10 ms: each access of this port takes a microsecond.
fn wait() {
    for _ in 0..10_000 {
        // SAFETY: the port of diagnostic codes, which has no effect.
        unsafe { Port::<u8>::new(0x80).write(0) };
    }
}

/// The work of each CPU but CPU 0, which goes on until `stop`.
pub extern "C" fn next_cpu(cpu: *mut Cpu) -> ! {
    // SAFETY: `start` has passed the pointer of a box to this CPU alone.
    let mut cpu = *unsafe { Box::from_raw(cpu) };
    // SAFETY: CPU 0 has set the address before it started this CPU.
    unsafe { cpu.start_interrupts() };
    BEGUN.fetch_add(1, Release);
    while !STOP.load(Acquire) {
        cpu.step();
    }
    cpu.free_kept();
    // SAFETY: the interrupts were started above.
    unsafe { interrupts::stop() };
    ENDED.fetch_add(1, Release);
    loop {
        hlt();
    }
}

/// Ends the work of all CPUs, and waits until they have freed their pages.
pub fn stop() {
    STOP.store(true, Release);
    while ENDED.load(Acquire) < BEGUN.load(Acquire) {
        spin_loop();
    }
}
