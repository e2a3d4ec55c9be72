//! `cargo xtask demo`: builds the binary and shows the whole job on sample leads.

use anyhow::Result;

use crate::{needs, run};

/// How the demonstration is run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Builds with the release profile: slower to build, faster to run.
    #[arg(long)]
    release: bool,
    /// Handed to `leadhook demo` as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds and runs it; fails as it fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::WASM_TARGET.fetch()?;
    let mut command = run::cargo(["run", "--package", "leadhook"]);
    if options.release {
        command.arg("--release");
    }
    command.args(["--", "demo"]).args(&options.rest);
    run::run(command)
}
