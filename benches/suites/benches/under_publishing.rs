//! Times of first zones, while another thread publishes 1000 times a second.

zonelist_suites::suite_main!(reads_under_publishing);
