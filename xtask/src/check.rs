//! `cargo xtask check`: all that is held about the code besides what it does.

use anyhow::Result;

use crate::{docs, needs, run};

/// Checks format, lints, documentation, generated pages and dependencies, in this order; stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    run::run(run::cargo(["fmt", "--all", "--check"]))?;
    needs::WASM_TARGET.fetch()?;
    run::run(run::cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut documentation = run::cargo(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    run::run(documentation)?;
    docs::check()?;
    if needs::DENY.is_met() {
        // Advisories come without a change of the code, so a check holds with the database that is here and fetches none.
        let held = ["advisories", "bans", "licenses", "sources"];
        let held = if needs::ADVISORIES.is_met() { &held[..] } else { &held[1..] };
        let words = ["deny", "--offline", "check", "--hide-inclusion-graph"];
        run::run(run::cargo(words.iter().chain(held).copied()))?;
    }
    Ok(())
}
