//! The command line as a whole.

use crate::run::succeed;

#[test]
fn help_ends_with_an_example() {
    for args in [
        &["--help"][..],
        &["alloc", "--help"],
        &["compare", "--help"],
        &["endure", "--help"],
        &["load", "--help"],
        &["machines", "--help"],
        &["order", "--help"],
        &["zoneinfo", "--help"],
        &["schemes", "--help"],
    ] {
        let text = succeed(args).stdout;
        let example = text.trim_end().rsplit_once("Example:\n").expect("an example").1;
        let words: Vec<&str> = example.split_whitespace().skip(1).collect();
        succeed(&words);
    }
}
