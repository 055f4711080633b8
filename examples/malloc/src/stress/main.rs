//! Programs that depend on their malloc: each checks every byte that it has allocated.
//!
//! `zonelist-malloc-stress threads|forks|parse [PATH]`. It is linked to the malloc of the C library, and run with another
//! one preloaded.

mod allocation;
mod forks;
mod parse;
mod threads;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (what, path) = (arguments.next(), arguments.next());
    let done = match (what.as_deref(), path) {
        (Some("threads"), None) => threads::run(),
        (Some("forks"), None) => forks::run(),
        (Some("parse"), Some(path)) => parse::run(Path::new(&path)),
        _ => Err("usage: zonelist-malloc-stress threads|forks|parse PATH".into()),
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("zonelist-malloc-stress: {why}");
            ExitCode::FAILURE
        }
    }
}
