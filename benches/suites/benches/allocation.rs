//! Times of an allocation and its free.

zonelist_suites::suite_main!(allocation);
