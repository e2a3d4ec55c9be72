//! `cargo xtask`: what is done with this workspace, each by one command.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod bench;
mod check;
mod demo;
mod docs;
mod needs;
mod run;
mod sim;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, tests and demonstrates leadhook.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the whole job on sample leads: `leadhook demo`.
    Demo(demo::Options),
    /// Runs every test of the workspace.
    Test(test::Options),
    /// Measures leadhook against a relay that keeps nothing; `growth` and `micro` measure otherwise.
    Bench(bench::Options),
    /// Runs leadhook for ten minutes at a steady pace: memory, file and waiting are to stay flat.
    Soak(bench::Options),
    /// Runs the engine on simulated disks, clocks and handlers, by seeds, and checks every invariant.
    Sim(sim::Options),
    /// Writes the generated pages under docs/ anew.
    Docs(docs::Options),
    /// Checks format, lints, documentation, generated pages and dependencies.
    Check,
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Soak(options) => bench::soak(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Docs(options) => docs::run(&options),
        Command::Check => check::run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            run::exit_code_of(&error)
        }
    }
}
