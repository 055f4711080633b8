//! Machine files that are compiled into the command.

use std::path::Path;

use crate::{error::ReadError, record::MachineRecord, source::parse};

/// A machine file that is compiled into the command.
#[derive(PartialEq, Eq, Debug)]
pub struct Builtin {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line on what the machine shows, for the help text.
    pub about: &'static str,
    /// The machine file.
    pub json: &'static str,
}

impl Builtin {
    /// All built-in machines; the first is the default.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "seed",
            about: "two nodes, a movable block of node 1 going online and offline",
            json: include_str!("../built-in/h01_seed_steps.json"),
        },
        Self {
            name: "one-node",
            about: "a single node, DMA and DMA32",
            json: include_str!("../built-in/b01_one_node.json"),
        },
        Self {
            name: "ring",
            about: "four nodes on a ring, one hop or two apart",
            json: include_str!("../built-in/b04_four_ring.json"),
        },
        Self {
            name: "eight-boards",
            about: "eight nodes on two boards of four",
            json: include_str!("../built-in/b05_eight_boards.json"),
        },
        Self {
            name: "far-cxl",
            about: "two nodes with CPUs, two far ones with memory only",
            json: include_str!("../built-in/b09_cxl_far.json"),
        },
        Self {
            name: "one-apart",
            about: "a node with CPUs is one unit nearer: a rebuild changes boot's order",
            json: include_str!("../built-in/b40_one_apart_cpu.json"),
        },
        Self {
            name: "memoryless",
            about: "four nodes with CPUs, one of them without memory",
            json: include_str!("../built-in/b11_memoryless_cpu.json"),
        },
        Self {
            name: "memoryless-boot",
            about: "no memory at the boot CPU: not in its own list since 6.7",
            json: include_str!("../built-in/v612_b12_memoryless_node0.json"),
        },
        Self {
            name: "fake-numa",
            about: "one real node in eight (numa=fake), all at 10, with the same CPUs",
            json: include_str!("../built-in/fake_numa.json"),
        },
        Self {
            name: "near-far",
            about: "slow memory of each node, near at 17, far at 28, as CXL memory has",
            json: include_str!("../built-in/near_far.json"),
        },
        Self {
            name: "two-tier",
            about: "a Xeon Phi: DDR with CPUs; fast memory without, tried after all DDR",
            json: include_str!("../built-in/two_tier.json"),
        },
        Self {
            name: "movable-node",
            about: "booted with movable_node: blocks go online as Movable",
            json: include_str!("../built-in/v612_b41_movable_node.json"),
        },
        Self {
            name: "offline-node",
            about: "an offline node, which has a list since 5.18: other lists change",
            json: include_str!("../built-in/offline_node.json"),
        },
        Self {
            name: "mail-offline",
            about: "the machine of the 2017 mail, its movable block offline",
            json: include_str!("../built-in/mail_offline.json"),
        },
        Self {
            name: "mail-online",
            about: "the machine of the 2017 mail, its movable block online",
            json: include_str!("../built-in/mail_online.json"),
        },
    ];

    /// Its machine file, validated.
    ///
    /// # Errors
    /// None: a test reads all of them.
    pub fn record(&self) -> Result<MachineRecord, ReadError> {
        parse(Path::new(self.name), self.json.as_bytes())
    }

    /// The built-in machine of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|builtin| builtin.name == name)
    }
}

/// The names of all built-in machines, separated by commas, for messages.
pub(crate) fn names() -> String {
    Builtin::ALL.iter().map(|builtin| builtin.name).collect::<Vec<_>>().join(", ")
}
