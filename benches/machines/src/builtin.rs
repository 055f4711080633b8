//! Machine files that are compiled into the command.

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
            json: include_str!("../../goldens/h01_seed_steps.json"),
        },
        Self {
            name: "one-node",
            about: "a single node, DMA and DMA32",
            json: include_str!("../../goldens/b01_one_node.json"),
        },
        Self {
            name: "ring",
            about: "four nodes on a ring, one hop or two apart",
            json: include_str!("../../goldens/b04_four_ring.json"),
        },
        Self {
            name: "eight-boards",
            about: "eight nodes on two boards of four",
            json: include_str!("../../goldens/b05_eight_boards.json"),
        },
        Self {
            name: "far-cxl",
            about: "two nodes with CPUs, two far ones with memory only",
            json: include_str!("../../goldens/b09_cxl_far.json"),
        },
        Self {
            name: "one-apart",
            about: "a node with CPUs one unit nearer than one without: a rebuild changes the order of boot",
            json: include_str!("../../goldens/b40_one_apart_cpu.json"),
        },
        Self {
            name: "memoryless",
            about: "four nodes with CPUs, one of them without memory",
            json: include_str!("../../goldens/b11_memoryless_cpu.json"),
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
