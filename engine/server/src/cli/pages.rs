//! `leadhook completions` and `leadhook man`: what shells and manuals are told about the command line.

use std::{fs, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Line, terminal::Terminal};

pub(super) const COMPLETIONS: &str = "\
Examples:
  leadhook completions bash > /etc/bash_completion.d/leadhook
  leadhook completions zsh > ~/.zfunc/_leadhook
  leadhook completions fish > ~/.config/fish/completions/leadhook.fish";

pub(super) const MAN: &str = "\
Example:
  leadhook man --dir /usr/local/share/man/man1";

/// Whose completions are printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Where manual pages are written.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder, made where it is missing; a page for each command
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Prints the completions of a shell.
pub(crate) fn completions(options: &Completions, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Line::command(), "leadhook", &mut script);
    terminal.line(String::from_utf8(script)?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual pages.
pub(crate) fn man(options: &Man, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let unwritable = || format!("{} cannot be written", options.dir.display());
    let written = (|| -> io::Result<()> {
        fs::create_dir_all(&options.dir)?;
        clap_mangen::generate_to(Line::command(), &options.dir)
    })();
    written.with_context(unwritable)?;
    terminal.line(format!("the pages are in {}; `man leadhook` is the first", options.dir.display()))?;
    Ok(ExitCode::SUCCESS)
}
