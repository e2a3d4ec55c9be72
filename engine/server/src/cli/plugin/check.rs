//! `leadhook plugin check`: whether an engine takes it, and what is in it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use leadhook_sandbox::{Exports, INTERFACE, Inspected, SandboxError};
use leadhook_testkit::{TestkitError, is_wasm};
use serde_json::json;

use super::subject::{code_in, kit_for, refused};
use crate::cli::terminal::{Style, Terminal, pad, tame};

/// What is checked.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A .wasm or a .rhai
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks at the file, compiles it, and tells.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    tell(&options.file, options.json, terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks a file, and tells what is in it; fails when an engine would refuse it.
pub(super) fn tell(file: &Path, as_json: bool, terminal: &mut Terminal) -> anyhow::Result<()> {
    let code = code_in(file)?;
    let kit = kit_for(&code)?;
    let inspected = is_wasm(&code).then(|| kit.sandbox().check(&code)).transpose();
    let refusal = |refusal| refused(file, TestkitError::Sandbox(SandboxError::Refused(refusal)));
    let inspected = inspected.map_err(refusal)?;
    let plugin = kit.load(&code).map_err(|error| refused(file, error))?;
    let exports = names(plugin.exports());
    if as_json {
        let mut told = json!({ "file": file, "sha256": plugin.hash(), "bytes": code.len(),
            "kind": if plugin.is_script() { "script" } else { "wasm" }, "exports": exports });
        if let Some(inspected) = inspected {
            told["interface"] = json!(inspected.interface);
            told["imports"] = json!(inspected.imports);
            told["component"] = json!(inspected.is_component);
            told["memory_bytes_min"] = json!(inspected.memory_bytes_min);
        }
        return Ok(terminal.line(format!("{told:#}"))?);
    }
    terminal.line(terminal.paint(Style::Green, format!("{} can be used", file.display())))?;
    let mut rows = vec![
        ("kind", if plugin.is_script() { "a script" } else { "WebAssembly" }.to_owned()),
        ("exports", exports.join(", ")),
        ("size", size(code.len() as u64)),
    ];
    rows.extend(inspected.iter().flat_map(of_wasm));
    rows.push(("sha256", plugin.hash().to_owned()));
    rows.iter()
        .try_for_each(|(name, value)| terminal.line(format!("  {}  {}", pad(name, 9), tame(value))))?;
    Ok(())
}

fn of_wasm(inspected: &Inspected) -> Vec<(&'static str, String)> {
    let form = if inspected.is_component { "a component" } else { "a core module" };
    vec![
        ("form", form.to_owned()),
        ("interface", format!("{} (this engine has {INTERFACE})", inspected.interface)),
        ("imports", inspected.imports.join(", ")),
        ("memory", format!("{} to begin with", size(inspected.memory_bytes_min))),
    ]
}

/// What a plugin has functions for.
fn names(exports: Exports) -> Vec<&'static str> {
    let all = [(exports.filter, "filter"), (exports.transform, "transform"), (exports.receipt, "receipt")];
    all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        _ if bytes < KIB * KIB => format!("{} KiB", bytes.div_ceil(KIB)),
        _ => format!("{:.1} MiB", bytes as f64 / (KIB * KIB) as f64),
    }
}
