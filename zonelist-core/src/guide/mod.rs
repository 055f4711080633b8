#![doc = include_str!("guide.md")]
// One chapter a file. A chapter's own links begin in its module, so the attribute is within it.

pub mod which_scheme {
    #![doc = include_str!("which_scheme.md")]
}
pub mod story {
    #![doc = include_str!("story.md")]
}
pub mod memory_ordering {
    #![doc = include_str!("memory_ordering.md")]
}
pub mod interrupts {
    #![doc = include_str!("interrupts.md")]
}
pub mod fork {
    #![doc = include_str!("fork.md")]
}
pub mod per_cpu {
    #![doc = include_str!("per_cpu.md")]
}
pub mod guarantees {
    #![doc = include_str!("guarantees.md")]
}
pub mod stalled_reader {
    #![doc = include_str!("stalled_reader.md")]
}
pub mod names {
    #![doc = include_str!("names.md")]
}
pub mod watermarks {
    #![doc = include_str!("watermarks.md")]
}
pub mod hotplug {
    #![doc = include_str!("hotplug.md")]
}
pub mod failures {
    #![doc = include_str!("failures.md")]
}
pub mod moving {
    #![doc = include_str!("moving.md")]
}
pub mod gfp {
    #![doc = include_str!("gfp.md")]
}
pub mod model_checking {
    #![doc = include_str!("model_checking.md")]
}
pub mod faq {
    #![doc = include_str!("faq.md")]
}
