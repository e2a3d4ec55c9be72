//! `cargo xtask test`: gets what the tests need, builds the binary they start, and runs them all.

use anyhow::Result;

use crate::{needs, run};

/// Which tests are run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed to the test runner as they are: names, filters.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs unit and workspace tests, then the examples in the documentation. Stops at the first of them that fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::WASM_TARGET.fetch()?;
    for interpreter in needs::INTERPRETERS {
        interpreter.is_met();
    }
    // Tests over the real binary start the one that lies beside them.
    run::run(run::cargo(["build", "--package", "leadhook"]))?;
    let runner: &[&str] = if needs::NEXTEST.is_met() {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    let mut command = run::cargo(runner.iter().copied());
    command.args(&options.rest);
    run::run(command)?;
    if options.rest.is_empty() {
        run::run(run::cargo(["test", "--workspace", "--doc"]))?;
    }
    Ok(())
}
