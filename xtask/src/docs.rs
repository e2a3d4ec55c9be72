//! `cargo xtask docs`: writes the pages that are generated from code, or tells which of them are stale.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::{needs, run};

/// Each generated page, and the cargo command that prints it.
const PAGES: &[(&str, &[&str])] = &[
    ("docs/parameters.md", &["run", "--quiet", "--package", "leadhook-core", "--example", "parameters_md"]),
    ("docs/openapi.json", &["run", "--quiet", "--package", "leadhook", "--", "openapi"]),
];

/// Whether pages are written or only compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Writes nothing; fails and names the pages that are not as the code has them.
    #[arg(long)]
    check: bool,
}

/// Writes each page anew, or with `check` compares each.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::WASM_TARGET.fetch()?;
    if options.check { check() } else { write() }
}

/// Fails and names the pages that are not as the code has them.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for (page, command) in PAGES {
        let printed = run::output(run::cargo(command.iter().copied()))?;
        if !is_same(&run::root().join(page), &printed) {
            stale.push(*page);
        }
    }
    if !stale.is_empty() {
        bail!("not as the code has it: {}. To write it anew: cargo xtask docs", stale.join(", "));
    }
    Ok(())
}

fn write() -> Result<()> {
    for (page, command) in PAGES {
        let path = run::root().join(page);
        let printed = run::output(run::cargo(command.iter().copied()))?;
        if is_same(&path, &printed) {
            println!("{page} is as the code has it");
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, printed).with_context(|| format!("cannot write {page}"))?;
        println!("{page} is written anew");
    }
    Ok(())
}

fn is_same(path: &Path, printed: &[u8]) -> bool {
    fs::read(path).is_ok_and(|written| written == printed)
}
