//! `leadhook plugin bench`: how long one lead takes, fresh and warm.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::bail;
use leadhook_testkit::Played;
use serde_json::{Value, json};

use super::{
    check::size,
    subject::{Input, plugin_in},
};
use crate::cli::terminal::{Style, Terminal, pad};

/// The fewest calls that say something about the slowest of them.
const CALLS_MIN: usize = 100;
/// The most calls that are remembered.
const CALLS_MAX: usize = 1_000_000;

/// What is measured.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A .wasm or a .rhai
    file: PathBuf,
    #[command(flatten)]
    input: Input,
    /// How long each measurement takes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was measured.
struct Measured {
    how: &'static str,
    /// Of each call, sorted.
    elapsed_us: Vec<u64>,
    fuel: u64,
    memory_bytes_peak: u64,
}

/// Calls it again and again, and tells.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let (sample, plugin) = (options.input.sample()?, plugin_in(&options.file)?);
    let first = sample.play(&plugin);
    if let Some(broken) = first.broken() {
        bail!("it fails on this lead, so there is nothing to measure: {}: {}", broken.kind, broken.detail);
    }
    if first.runs.is_empty() {
        bail!("it has no function for what is given; --response FILE runs a receipt");
    }
    let period = Duration::from_secs(options.seconds);
    let mut measured = vec![measure("fresh", period, || sample.play(&plugin))];
    // A plugin gets a fresh instance for each call in the engine too; only a script stays warm.
    if plugin.is_script() {
        measured.push(measure("warm", period, || sample.play_warm(&plugin)));
    }
    if options.json {
        let told: Value = measured.iter().map(as_json).collect();
        terminal.line(format!("{told:#}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["", "calls/s", "median", "p99", "fuel", "memory"];
    let line = |cells: [&str; 6]| {
        let cells: Vec<_> = cells.iter().map(|cell| pad(cell, 11)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    terminal.line(terminal.paint(Style::Bold, line(head)))?;
    for one in &measured {
        let (median, p99) = (format!("{} µs", one.at(50)), format!("{} µs", one.at(99)));
        let (rate, fuel) = (one.per_second().to_string(), one.fuel.to_string());
        terminal.line(line([one.how, &rate, &median, &p99, &fuel, &size(one.memory_bytes_peak)]))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(how: &'static str, period: Duration, call: impl Fn() -> Played) -> Measured {
    let mut measured = Measured { how, elapsed_us: Vec::new(), fuel: 0, memory_bytes_peak: 0 };
    let began = Instant::now();
    while measured.elapsed_us.len() < CALLS_MAX
        && (began.elapsed() < period || measured.elapsed_us.len() < CALLS_MIN)
    {
        let played = call();
        // Of the sandbox alone: what the testkit does around a call is not the engine's.
        measured.elapsed_us.push(played.runs.iter().map(|run| run.elapsed_us).sum());
        measured.fuel = played.fuel();
        let peak = played.runs.iter().map(|run| run.memory_bytes_peak).max().unwrap_or(0);
        measured.memory_bytes_peak = measured.memory_bytes_peak.max(peak);
    }
    measured.elapsed_us.sort_unstable();
    measured
}

impl Measured {
    /// What this share of calls took at most, in microseconds.
    fn at(&self, percent: usize) -> u64 {
        let place = (self.elapsed_us.len() * percent / 100).min(self.elapsed_us.len().saturating_sub(1));
        self.elapsed_us.get(place).copied().unwrap_or(0)
    }

    /// Calls in a second, one after another.
    fn per_second(&self) -> u64 {
        let sum: u64 = self.elapsed_us.iter().sum();
        (self.elapsed_us.len() as u64 * 1_000_000).checked_div(sum).unwrap_or(0)
    }
}

fn as_json(one: &Measured) -> Value {
    json!({ "how": one.how, "calls": one.elapsed_us.len(), "calls_per_second": one.per_second(),
        "median_us": one.at(50), "p99_us": one.at(99), "fuel": one.fuel,
        "memory_bytes_peak": one.memory_bytes_peak })
}
