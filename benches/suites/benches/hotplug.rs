//! Times of a memory block that goes online and offline.

zonelist_suites::suite_main!(hotplug);
