//! Whether cost stays flat while the data folder grows, and what a million waiting deliveries take to hold.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{
    fill::{With, fill},
    report,
    run::{Paced, Run, Settings, Work},
    server::Kind,
};

/// How many times as many events the relay gets, so that its run does not end before it is under way.
const FLOOR_TIMES: usize = 4;

/// How growth is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many events are posted in each run, as fast as they are acknowledged.
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    /// How many done deliveries the folder is filled to before each run, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 10_000, 100_000, 1_000_000])]
    stored: Vec<usize>,
    /// How many deliveries wait for their time in the last run, in a folder of their own.
    #[arg(long, default_value_t = 1_000_000)]
    scheduled: usize,
    #[command(flatten)]
    settings: Settings,
    /// Writes all figures to this file, as one line of JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Figures {
    floors: Vec<Run>,
    stored: Vec<Step>,
    scheduled: Step,
}

/// One run on a filled folder.
#[derive(Serialize)]
struct Step {
    /// How many deliveries were in the folder before.
    filled: usize,
    /// How long filling took that was new in this step.
    filling_seconds: f64,
    run: Run,
}

/// Measures and tells. The exit code says whether nothing was lost.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    options.settings.check()?;
    ensure!(options.events > 0, "--events: at least one is needed");
    ensure!(options.stored.is_sorted(), "--stored: the numbers are to ascend");
    options.settings.leadhook()?;
    report::head();
    // The floor is measured around each step, since other work on the machine comes and goes.
    let mut floors = vec![floor(&options).await?];
    let mut stored = Vec::with_capacity(options.stored.len());
    let folder = options.settings.fresh_folder()?;
    let mut filled = 0;
    for count in &options.stored {
        let step = step(&options, folder.path(), With::Done, filled..*count).await?;
        report::run(&format!("{} stored", report::thousands(*count)), &step.run);
        filled = *count;
        stored.push(step);
        floors.push(floor(&options).await?);
    }
    drop(folder);
    let folder = options.settings.fresh_folder()?;
    let scheduled = step(&options, folder.path(), With::Scheduled, 0..options.scheduled).await?;
    report::run(&format!("{} scheduled", report::thousands(options.scheduled)), &scheduled.run);
    floors.push(floor(&options).await?);
    let figures = Figures { floors, stored, scheduled };
    if let Some(file) = &options.json {
        let line = serde_json::to_string(&figures)? + "\n";
        fs::write(file, line).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(figures.tell())
}

async fn floor(options: &Options) -> Result<Run> {
    let folder = options.settings.fresh_folder()?;
    let work = Work {
        events: FLOOR_TIMES * options.events,
        paced: Paced::NONE,
        site: "60001".to_owned(),
        plugin: None,
    };
    let run = options.settings.run(Kind::Relay, folder.path(), &work).await?;
    report::run("relay", &run);
    Ok(run)
}

async fn step(
    options: &Options,
    folder: &std::path::Path,
    with: With,
    leads: std::ops::Range<usize>,
) -> Result<Step> {
    let filled = leads.end;
    let began = Instant::now();
    if !leads.is_empty() {
        fill(&folder.join("data"), with, leads).await?;
    }
    let filling_seconds = began.elapsed().as_secs_f64();
    let work =
        Work { events: options.events, paced: Paced::NONE, site: format!("after-{filled}"), plugin: None };
    let run = options.settings.run(Kind::Leadhook, folder, &work).await?;
    Ok(Step { filled, filling_seconds, run })
}

impl Figures {
    fn tell(&self) -> ExitCode {
        let delivered = |run: &Run| run.saturated.delivered_per_second;
        println!(
            "\n{:<20} {:>8} {:>9} {:>11} {:>9} {:>9} {:>8}",
            "", "of floor", "ready ms", "ready MiB", "peak MiB", "data MiB", "fill s"
        );
        let steps = self.stored.iter().map(|step| (step, "stored")).chain([(&self.scheduled, "scheduled")]);
        for ((step, state), around) in steps.zip(self.floors.windows(2)) {
            let floor = f64::midpoint(delivered(&around[0]), delivered(&around[1]));
            println!(
                "{:<20} {:>8.2} {:>9.0} {:>11.0} {:>9.0} {:>9.0} {:>8.0}",
                format!("{} {state}", report::thousands(step.filled)),
                delivered(&step.run) / floor,
                step.run.ready_ms,
                report::mebibytes(step.run.memory_ready_bytes),
                report::mebibytes(step.run.memory_peak_bytes),
                report::mebibytes(step.run.data_bytes.unwrap_or_default()),
                step.filling_seconds
            );
        }
        let all =
            self.floors.iter().chain(self.stored.iter().map(|step| &step.run)).chain([&self.scheduled.run]);
        let lost: usize = all.map(Run::lost).sum();
        if lost > 0 {
            println!("LOST: {lost} acknowledged events never arrived");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}
