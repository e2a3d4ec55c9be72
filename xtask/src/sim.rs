//! `cargo xtask sim`: runs the engine on simulated disks, clocks and handlers, by seeds.

use std::ffi::OsString;

use anyhow::Result;

use crate::run;

/// What is run.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// `--seeds N` and `--from S`: how many seeds, and the first; `--mutants`: show that each deliberate mistake is caught.
    /// It is handed on as it is; `--help` lists all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Builds the simulation and runs it; fails when an invariant is broken, or a deliberate mistake survives.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = run::cargo(["run", "--quiet", "--package", "leadhook-sim", "--"]);
    command.args(&options.rest);
    run::run(command)
}
