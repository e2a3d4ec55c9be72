//! `cargo xtask bench`: measures leadhook against a relay that keeps nothing, its growth, its parts, or its plugins.
//! `cargo xtask soak`: runs it for minutes at a steady pace.

use std::ffi::OsString;

use anyhow::Result;

use crate::{needs, run};

/// The benchmarks of parts: package and name.
const MICRO: &[(&str, &str)] = &[
    ("leadhook-core", "plan"),
    ("leadhook-core", "render"),
    ("leadhook-core", "sign"),
    ("leadhook-store", "cycle"),
];

/// What is measured.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// `growth`: as the data folder grows; `micro`: the parts one by one; `plugins`: what a call of a plugin costs, then
    /// what one costs end to end; none of them: the whole beside a relay.
    /// What follows is handed on as it is; `--help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Builds what is measured in release and measures it; fails as the measurement fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::WASM_TARGET.fetch()?;
    match options.rest.split_first() {
        Some((first, rest)) if first == "micro" => micro(rest),
        Some((first, rest)) if first == "growth" => whole("growth", rest),
        Some((first, rest)) if first == "plugins" => {
            let of_calls = whole("plugins", &[]);
            whole("chain", rest)?;
            of_calls
        }
        _ => whole("compare", &options.rest),
    }
}

/// Builds leadhook in release and soaks it; fails when something does not stay flat, or is lost.
pub(crate) fn soak(options: &Options) -> Result<()> {
    needs::WASM_TARGET.fetch()?;
    whole("soak", &options.rest)
}

fn whole(what: &str, rest: &[OsString]) -> Result<()> {
    let packages = ["--package", "leadhook", "--package", "leadhook-bench"];
    let mut build = run::cargo(["build", "--release"]);
    build.args(packages);
    run::run(build)?;
    // The program finds the binary beside itself, wherever the target folder is.
    let mut measure = run::cargo(["run", "--release", "--quiet", "--package", "leadhook-bench", "--", what]);
    measure.args(rest);
    run::run(measure)
}

fn micro(rest: &[OsString]) -> Result<()> {
    for (package, name) in MICRO {
        let mut bench = run::cargo(["bench", "--package", package, "--bench", name]);
        if !rest.is_empty() {
            bench.arg("--").args(rest);
        }
        run::run(bench)?;
    }
    Ok(())
}
