//! `leadhook plugin push`, `list`, `logs` and `rollback`: an engine's plugins by its HTTP interface.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use hyper::Method;
use serde_json::{Value, json};

use super::subject::{code_in, kit_for, refused};
use crate::cli::{
    access::{Access, Rows, json_line, segment, text, texts},
    block_on,
    client::Client,
    listing::Listing,
    table::Table,
    terminal::{Style, Terminal, complain, pad, shorten, tame},
};

/// What is uploaded.
#[derive(Debug, clap::Args)]
pub(super) struct Push {
    /// A .wasm or a .rhai
    file: PathBuf,
    /// Its name in the engine; that of the file unless given
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// Whose plugins are listed.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

/// Whose log is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// The plugin's name
    name: String,
    #[command(flatten)]
    access: Access,
}

/// What is gone back to.
#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    /// The plugin's name
    name: String,
    /// The version's SHA-256, as `push` and `list` tell it, or its first digits
    sha256: String,
    #[command(flatten)]
    access: Access,
}

/// Checks it here first, so that what is wrong has its place in the file; then uploads it.
pub(super) fn push(options: &Push, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let code = code_in(&options.file)?;
    kit_for(&code)?.load(&code).map_err(|error| refused(&options.file, error))?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => name_of(&options.file)?,
    };
    block_on(async {
        let path = format!("/v1/plugins/{}", segment(&name));
        let saved =
            Client::new(&options.access)?.ask(Method::PUT, &path, "application/octet-stream", code).await?;
        if options.access.json {
            return json_line(&saved, terminal);
        }
        terminal.line(format!("{} {}", terminal.paint(Style::Green, "uploaded"), version_line(&saved)))?;
        warn(&saved);
        Ok(ExitCode::SUCCESS)
    })
}

/// Every plugin of the account, by name.
pub(super) fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = Client::new(&options.access)?;
        let table = Table::new(&["name", "version", "from", "exports"]);
        let row = |table: &mut Table, plugin: &Value| {
            let origin = if plugin["bundled"] == true { "the engine" } else { "an upload" };
            let sha256 = shorten(plugin["sha256"].as_str().unwrap_or_default(), 16);
            table.row([
                text(plugin, "name").into(),
                sha256.into(),
                origin.into(),
                texts(plugin, "exports").into(),
            ]);
        };
        let listing =
            Listing { path: "/v1/plugins", query: &[], field: "plugins", none: "the account has no plugin" };
        listing.print(&client, &options.access, &options.rows, table, row, terminal).await
    })
}

/// The latest runs, newest first.
pub(super) fn logs(options: &Logs, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let path = format!("/v1/plugins/{}/logs", segment(&options.name));
        let page = Client::new(&options.access)?.get(&path).await?;
        if options.access.json {
            return json_line(&page, terminal);
        }
        let runs = page["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
        for run in runs {
            tell_run(run, terminal)?;
        }
        if runs.is_empty() {
            terminal.line("no webhook that names it has run it yet")?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// One run of a plugin for a delivery, with what it logged.
pub(in crate::cli) fn tell_run(run: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    let why = match (&run["reason"], &run["error"]["detail"]) {
        (Value::String(reason), _) => format!(": {}", tame(reason)),
        (_, Value::String(detail)) => format!(": {}", tame(detail)),
        _ => String::new(),
    };
    // Of a list of runs each tells whose it is, of a delivery which plugin's.
    let whose = if run["delivery"].is_string() { "delivery" } else { "plugin" };
    let of = |field: &str| text(run, field);
    let line = format!("{}  {}  {} {}{why}", of("at"), of(whose), of("step"), of("decided"));
    terminal.line(terminal.paint(Style::Bold, line))?;
    for logged in run["log"].as_array().into_iter().flatten() {
        terminal.line(format!("  {}  {}", pad(&text(logged, "level"), 5), text(logged, "text")))?;
    }
    Ok(())
}

/// Makes an earlier version the current one.
pub(super) fn roll_back(options: &Rollback, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = Client::new(&options.access)?;
        let path = format!("/v1/plugins/{}", segment(&options.name));
        let sha256 = match options.sha256.len() {
            64 => options.sha256.clone(),
            _ => whole(&client.get(&format!("{path}/versions?limit=500")).await?, &options.sha256)?,
        };
        let body = json!({ "sha256": sha256 }).to_string().into_bytes();
        let saved = client.ask(Method::POST, &format!("{path}/rollback"), "application/json", body).await?;
        if options.access.json {
            return json_line(&saved, terminal);
        }
        terminal.line(format!("{} {}", terminal.paint(Style::Green, "current is"), version_line(&saved)))?;
        warn(&saved);
        Ok(ExitCode::SUCCESS)
    })
}

/// The one version whose SHA-256 begins so.
fn whole(page: &Value, beginning: &str) -> anyhow::Result<String> {
    let all = page["versions"].as_array().into_iter().flatten().filter_map(|one| one["sha256"].as_str());
    let mut fits = all.filter(|sha256| sha256.starts_with(beginning));
    match (fits.next(), fits.next()) {
        (Some(one), None) => Ok(one.to_owned()),
        (None, _) => bail!("no version begins with {beginning}"),
        (Some(_), Some(_)) => bail!("more than one version begins with {beginning}; give more digits"),
    }
}

/// The name that a file's name stands for.
fn name_of(file: &Path) -> anyhow::Result<String> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).with_context(|| format!("{}: give it a name with --name", file.display()))
}

/// A version in a line: name, beginning of its hash, what it exports.
fn version_line(plugin: &Value) -> String {
    let exports: Vec<_> =
        plugin["exports"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let name = tame(plugin["name"].as_str().unwrap_or_default()).into_owned();
    let sha256 = shorten(plugin["sha256"].as_str().unwrap_or_default(), 16).into_owned();
    format!("{}  {sha256}  {}", pad(&name, 16), exports.join(", "))
}

fn warn(saved: &Value) {
    for warning in saved["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        complain(format!("warning: {}", tame(warning)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_by_its_first_digits() {
        let page = json!({ "versions": [{ "sha256": "ab12" }, { "sha256": "ab34" }, { "sha256": "cd" }] });
        assert_eq!(whole(&page, "ab1").unwrap(), "ab12");
        assert!(whole(&page, "ab").unwrap_err().to_string().contains("more than one"));
        assert!(whole(&page, "e").unwrap_err().to_string().contains("no version"));
    }
}
