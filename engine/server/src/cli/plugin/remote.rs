//! `leadhook plugin push`, `list`, `logs` and `rollback`: an engine's plugins by its HTTP interface.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    client::Client,
    subject::{code_in, kit_for, refused},
};
use crate::cli::{
    block_on,
    terminal::{Style, Terminal, complain, pad, shorten, tame},
};

/// Which engine, and who asks.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Access {
    /// The engine's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(in crate::cli) server: String,
    /// The account's API key; better given by file or environment, where other users do not see it
    #[arg(long)]
    pub(in crate::cli) key: Option<String>,
    /// A file that holds the account's API key
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// Print what the engine answers, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

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

/// Every plugin of the account, page by page.
pub(super) fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = Client::new(&options.access)?;
        let mut plugins = Vec::new();
        let mut cursor = None;
        loop {
            let mut page = client.get(&page_path("/v1/plugins", cursor.as_deref())).await?;
            if let Some(Value::Array(found)) = page.get_mut("plugins").map(Value::take) {
                plugins.extend(found);
            }
            match page["next_cursor"].as_str() {
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                _ => break,
            }
        }
        if options.access.json {
            return json_line(&json!({ "plugins": plugins }), terminal);
        }
        for plugin in &plugins {
            let origin = if plugin["bundled"] == true { "comes with the engine" } else { "uploaded" };
            terminal.line(format!("{}  {origin}", version_line(plugin)))?;
        }
        Ok(ExitCode::SUCCESS)
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
            let of = |field: &str| tame(run[field].as_str().unwrap_or_default()).into_owned();
            let why = match (&run["reason"], &run["error"]["detail"]) {
                (Value::String(reason), _) => format!(": {}", tame(reason)),
                (_, Value::String(detail)) => format!(": {}", tame(detail)),
                _ => String::new(),
            };
            let line = format!("{}  {}  {} {}{why}", of("at"), of("delivery"), of("step"), of("decided"));
            terminal.line(terminal.paint(Style::Bold, line))?;
            for logged in run["log"].as_array().into_iter().flatten() {
                let of = |field: &str| logged[field].as_str().unwrap_or_default();
                terminal.line(format!("  {}  {}", pad(of("level"), 5), tame(of("text"))))?;
            }
        }
        if runs.is_empty() {
            terminal.line("no webhook that names it has run it yet")?;
        }
        Ok(ExitCode::SUCCESS)
    })
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

fn page_path(path: &str, cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => format!("{path}?limit=500&cursor={}", segment(cursor)),
        None => format!("{path}?limit=500"),
    }
}

/// A text as a part of a path or query.
pub(in crate::cli) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
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

pub(in crate::cli) fn json_line(value: &Value, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    terminal.line(format!("{value:#}"))?;
    Ok(ExitCode::SUCCESS)
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

    #[test]
    fn what_goes_into_a_path_cannot_leave_it() {
        assert_eq!(page_path("/v1/plugins", Some("a/b?c")), "/v1/plugins?limit=500&cursor=a%2Fb%3Fc");
    }
}
