//! `leadhook plugin diff`: which leads come out differently from two versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use leadhook_testkit::{Difference, Fixture, Sample, differences};
use serde_json::{Value, json};

use super::subject::{plugin_in, sample_in};
use crate::cli::{
    files::value_in,
    terminal::{Style, Terminal, count, tame},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin diff old.wasm new.wasm --samples fixtures
  leadhook plugin diff old.rhai new.rhai --samples examples/leads --config config.json

--samples holds folders of fixtures, or files with a lead or events each. What the samples expect does not
count here. Exit code: 0 when every sample comes out the same, 1 when not.";

/// What is compared.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The version before
    old: PathBuf,
    /// The version after
    new: PathBuf,
    /// Folders of fixtures, or .json files with a lead or events
    #[arg(long, value_name = "DIR")]
    samples: PathBuf,
    /// The link's configuration, for files; a fixture has its own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs both over every sample, and tells what differs.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let (old, new) = (plugin_in(&options.old)?, plugin_in(&options.new)?);
    let config = options.config.as_deref().map(value_in).transpose()?;
    let samples = samples(&options.samples, config.as_ref())?;
    let compared: Vec<(&str, Vec<Difference>)> = samples
        .iter()
        .map(|(name, sample)| {
            (name.as_str(), differences(&sample.play(&old).came_out, &sample.play(&new).came_out))
        })
        .collect();
    let different = compared.iter().filter(|(_, found)| !found.is_empty()).count();
    if options.json {
        let told = compared.iter().map(|(name, found)| {
            let found = found
                .iter()
                .map(|found| json!({ "path": found.path, "before": found.before, "after": found.after }));
            json!({ "sample": name, "differences": found.collect::<Vec<_>>() })
        });
        terminal.line(format!("{:#}", told.collect::<Value>()))?;
    } else {
        for (name, found) in compared.iter().filter(|(_, found)| !found.is_empty()) {
            terminal.line(terminal.paint(Style::Bold, tame(name)))?;
            found.iter().try_for_each(|found| terminal.line(format!("  {}", tame(&found.to_string()))))?;
        }
        let all = count(samples.len(), "sample");
        terminal.line(match different {
            0 => format!("{all}, all the same"),
            different => format!("{different} of {all} different"),
        })?;
    }
    Ok(if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The samples of a folder by name.
fn samples(dir: &Path, config: Option<&Value>) -> anyhow::Result<Vec<(String, Sample)>> {
    let entries = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut samples = Vec::new();
    for path in paths {
        let sample = if path.is_dir() {
            Fixture::read(&path).with_context(|| path.display().to_string())?.sample
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let mut sample = sample_in(&path, None, None)?;
            sample.config = config.cloned().unwrap_or(sample.config);
            sample
        } else {
            continue;
        };
        samples.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), sample));
    }
    if samples.is_empty() {
        bail!("{} has no samples: folders of fixtures, or .json files with a lead or events", dir.display());
    }
    Ok(samples)
}
