//! What a command tries: the plugin or script in a file, and the sample that it is given.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use leadhook_core::{id::SiteId, site::Site};
use leadhook_sandbox::{Plugin, Refusal, SandboxError, WASM_BYTES_MAX};
use leadhook_testkit::{Given, Kit, Sample, TestkitError, is_wasm, read_request, read_response};
use serde_json::Value;

use crate::cli::files::{events_in, value_in};

/// A lead or events, and what the link is given besides.
#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// A lead as plugins read it, or the events that make one
    #[arg(short, long, value_name = "LEAD.json")]
    input: PathBuf,
    /// The link's configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The request before the plugin: method, url, headers, body
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The handler's answer: status, headers, json or text; then the receipt is run
    #[arg(long, value_name = "FILE", conflicts_with = "request")]
    response: Option<PathBuf>,
    /// What the plugin's state holds before: keys with texts
    #[arg(long, value_name = "FILE")]
    kv: Option<PathBuf>,
    /// A secret that the link names; may be given more than once
    #[arg(long = "secret", value_name = "NAME=VALUE", value_parser = read_secret)]
    secrets: Vec<(String, String)>,
    /// A webhook's settings, which make the request where events are given
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The site's settings, with its `id`, where events are given
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
}

fn read_secret(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Input {
    /// Reads the files.
    pub(super) fn sample(&self) -> anyhow::Result<Sample> {
        let settings = self.settings.as_deref().map(value_in).transpose()?;
        let site = self.site.as_deref().map(read_site).transpose()?;
        let mut sample = sample_in(&self.input, settings.as_ref(), site.as_ref())?;
        if let Some(file) = &self.config {
            sample.config = value_in(file)?;
        }
        if let Some(file) = &self.request {
            sample.given = Given::Request(read_request(&value_in(file)?).map_err(in_file(file))?);
        }
        if let Some(file) = &self.response {
            sample.given = Given::Response(read_response(&value_in(file)?).map_err(in_file(file))?);
        }
        if let Some(file) = &self.kv {
            sample.kv = serde_json::from_value(value_in(file)?)
                .with_context(|| format!("{}: the state is keys with texts", file.display()))?;
        }
        sample.secrets = self.secrets.iter().cloned().collect();
        Ok(sample)
    }
}

/// The sample of a file that holds a lead as plugins read it, or events.
pub(super) fn sample_in(
    file: &Path,
    settings: Option<&Value>,
    site: Option<&Site>,
) -> anyhow::Result<Sample> {
    let values = events_in(file)?;
    let sample = match values.as_slice() {
        [lead] if lead.get("lead").is_none() => Sample::of_lead(lead),
        events => Sample::of_events(events, settings, site),
    };
    sample.map_err(|error| match error {
        TestkitError::Format { detail, .. } => anyhow!("{}: {detail}", file.display()),
        other => anyhow::Error::new(other).context(file.display().to_string()),
    })
}

fn in_file(file: &Path) -> impl Fn(String) -> anyhow::Error {
    move |detail| anyhow!("{}: {detail}", file.display())
}

fn read_site(file: &Path) -> anyhow::Result<Site> {
    let value = value_in(file)?;
    let id = value["id"].as_str().and_then(SiteId::new);
    let id = id.with_context(|| format!("{}: `id` is missing, or is none", file.display()))?;
    Site::parse(id, 1, &value).map_err(|faults| anyhow!("{}: {faults}", file.display()))
}

/// The bytes of a plugin or script.
pub(super) fn code_in(file: &Path) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", file.display());
    let bytes = fs::metadata(file).with_context(unreadable)?.len();
    if bytes > WASM_BYTES_MAX as u64 {
        bail!("{} has {bytes} bytes; a plugin has at most {WASM_BYTES_MAX}", file.display());
    }
    fs::read(file).with_context(unreadable)
}

/// A kit that can run this code: with the script runner, where it is a script.
pub(super) fn kit_for(code: &[u8]) -> anyhow::Result<Kit> {
    // Compiling takes seconds where the code is large. Without a folder to keep it in, it is done each time.
    let kit = match cache_folder().and_then(|folder| Kit::with_cache(folder).ok()) {
        Some(kit) => kit,
        None => Kit::new()?,
    };
    Ok(if is_wasm(code) { kit } else { kit.runner(leadhook_bundled::RHAI_RUNNER)? })
}

fn cache_folder() -> Option<PathBuf> {
    let caches = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = caches.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(caches.join("leadhook").join("compiled"))
}

/// The plugin or script of a file, ready to run.
pub(super) fn plugin_in(file: &Path) -> anyhow::Result<Plugin> {
    let code = code_in(file)?;
    kit_for(&code)?.load(&code).map_err(|error| refused(file, error))
}

/// What is wrong with a file's code; in a script with line and column.
pub(super) fn refused(file: &Path, error: TestkitError) -> anyhow::Error {
    match error {
        TestkitError::Sandbox(SandboxError::Refused(refusal)) => {
            anyhow!("{}: {refusal}", place(file, &refusal))
        }
        other => anyhow::Error::new(other).context(file.display().to_string()),
    }
}

fn place(file: &Path, refusal: &Refusal) -> String {
    match refusal.position() {
        Some((line, column)) => format!("{}:{line}:{column}", file.display()),
        None => file.display().to_string(),
    }
}
