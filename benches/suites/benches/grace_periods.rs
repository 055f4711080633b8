//! Times of grace periods.

zonelist_suites::suite_main!(grace_periods);
