//! Relay and leadhook in turns, and the ratio of what they deliver.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{
    disk,
    phase::Spread,
    report,
    run::{Paced, Run, Settings, Work},
    server::Kind,
};

/// Leadhook is to deliver at least so much of what the floor does.
pub(crate) const BAR: f64 = 0.20;
/// What is aimed at.
const GOAL: f64 = 0.33;

/// How the two are compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many events are posted as fast as they are acknowledged.
    #[arg(long, default_value_t = 40_000)]
    events: usize,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    paced: Paced,
    /// How often leadhook is measured, each time between two runs of the relay.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Writes all figures to this file, as one line of JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Figures {
    sync_ms: Spread,
    runs: Vec<Run>,
    ratios: Ratios,
}

/// Delivered by what is measured over delivered by the floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratios {
    /// Of the worst round.
    pub(crate) min: f64,
    /// Of the middle one.
    pub(crate) median: f64,
    /// Of the best.
    pub(crate) max: f64,
}

impl Ratios {
    /// Each measured run against the mean of the two runs of the floor around it.
    pub(crate) fn of(floor: &[f64], leadhook: &[f64]) -> Option<Self> {
        let around = floor.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
        let mut ratios: Vec<f64> = leadhook.iter().zip(around).map(|(ours, floor)| ours / floor).collect();
        ratios.sort_by(f64::total_cmp);
        let (min, max) = (*ratios.first()?, *ratios.last()?);
        let middle = ratios.len() / 2;
        let median = match ratios.len() % 2 {
            1 => ratios[middle],
            _ => f64::midpoint(ratios[middle - 1], ratios[middle]),
        };
        Some(Self { min, median, max })
    }
}

/// Measures and tells. The exit code says whether nothing was lost and the bar was reached.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.rounds > 0, "--rounds: at least one is needed");
    ensure!(options.events > 0, "--events: at least one is needed");
    let work = Work { events: options.events, paced: options.paced, site: "60001".to_owned(), plugin: None };
    options.settings.check()?;
    // Found missing now, not after minutes.
    options.settings.leadhook()?;
    let sync_ms = disk::sync_cost(options.settings.fresh_folder()?.path())?;
    println!("one fdatasync of 4 KiB: p50 {:.2} ms, p99 {:.2} ms\n", sync_ms.p50_ms, sync_ms.p99_ms);
    report::head();
    let mut runs = Vec::new();
    for turn in 0..=2 * options.rounds {
        let kind = if turn % 2 == 0 { Kind::Relay } else { Kind::Leadhook };
        let folder = options.settings.fresh_folder()?;
        let run = options.settings.run(kind, folder.path(), &work).await?;
        report::run(&format!("{} {}", kind.name(), turn / 2 + 1), &run);
        runs.push(run);
    }
    let delivered = |kind| -> Vec<f64> {
        let of_kind = runs.iter().filter(|run| run.server == kind);
        of_kind.map(|run| run.saturated.delivered_per_second).collect()
    };
    let ratios = Ratios::of(&delivered(Kind::Relay), &delivered(Kind::Leadhook));
    let figures = Figures { sync_ms, runs, ratios: ratios.context("nothing was measured")? };
    if let Some(file) = &options.json {
        let line = serde_json::to_string(&figures)? + "\n";
        fs::write(file, line).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(verdict(&figures))
}

fn verdict(figures: &Figures) -> ExitCode {
    let Ratios { min, median, max } = figures.ratios;
    println!(
        "\nleadhook delivers {median:.2} of what the relay does (rounds: {min:.2} to {max:.2}; bar {BAR:.2}, goal {GOAL:.2})"
    );
    let mut code = ExitCode::SUCCESS;
    let lost: usize = figures.runs.iter().map(Run::lost).sum();
    if lost > 0 {
        println!("LOST: {lost} acknowledged events never arrived");
        code = ExitCode::FAILURE;
    }
    if median < BAR {
        println!("warning: below the bar");
        code = ExitCode::FAILURE;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_is_compared_with_the_floor_around_it() {
        let ratios = Ratios::of(&[100.0, 200.0, 400.0], &[30.0, 90.0]).unwrap();
        assert_eq!(ratios, Ratios { min: 0.2, median: 0.25, max: 0.3 });
        let one = Ratios::of(&[100.0, 100.0], &[25.0]).unwrap();
        assert_eq!(one, Ratios { min: 0.25, median: 0.25, max: 0.25 });
        assert_eq!(Ratios::of(&[100.0], &[]), None);
    }
}
