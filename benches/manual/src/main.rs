//! Writes the man pages and the shell completions of the `zonelist` command, all made from its arguments.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory as _, ValueEnum as _};
use clap_complete::Shell;
use zonelist_bench::cli::Cli;

fn main() -> ExitCode {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("target/manual"), PathBuf::from);
    if let Err(error) = write(&folder) {
        eprintln!("error: {}: {error}; expected a folder that can be written", folder.display());
        return ExitCode::from(2);
    }
    println!("man pages and completions are in {}", folder.display());
    ExitCode::SUCCESS
}

/// Writes a page for the command and for each subcommand, and a file for each shell.
fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Without the subcommand `help`, which would have a page for each subcommand once more.
    let cli = Cli::command().disable_help_subcommand(true);
    // A page shows only what follows the help.
    let texts = [cli.get_before_help(), cli.get_after_help()].into_iter().flatten().map(ToString::to_string);
    let texts = texts.collect::<Vec<_>>().join("\n\n");
    clap_mangen::generate_to(cli.after_help(texts), folder)?;
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut Cli::command(), "zonelist", folder)?;
    }
    Ok(())
}
