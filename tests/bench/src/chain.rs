//! Leadhook with and without a plugin on the way of each delivery, in turns: what the sandbox costs end to end.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::{
    compare::Ratios,
    report,
    run::{Paced, Run, Settings, Work},
    server::Kind,
};

/// With one plugin in Rust, so much of what is delivered without one is to be delivered.
const BAR: f64 = 0.75;

/// What is measured with and without.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The plugin: one that comes with the engine and needs no configuration.
    #[arg(long, default_value = "json-body")]
    plugin: String,
    /// How many events are posted as fast as they are acknowledged.
    #[arg(long, default_value_t = 30_000)]
    events: usize,
    #[command(flatten)]
    settings: Settings,
    /// How often it is measured with the plugin, each time between two runs without.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Measures and tells. The exit code says whether nothing was lost and the bar was reached.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.rounds > 0, "--rounds: at least one is needed");
    ensure!(options.events > 0, "--events: at least one is needed");
    options.settings.check()?;
    report::head();
    let (mut without, mut with, mut lost) = (Vec::new(), Vec::new(), 0);
    for turn in 0..=2 * options.rounds {
        let plugin = (turn % 2 == 1).then(|| options.plugin.clone());
        let (name, runs) = match &plugin {
            Some(plugin) => (plugin.clone(), &mut with),
            None => ("without".to_owned(), &mut without),
        };
        let work = Work { events: options.events, paced: Paced::NONE, site: "60001".to_owned(), plugin };
        let folder = options.settings.fresh_folder()?;
        let run: Run = options.settings.run(Kind::Leadhook, folder.path(), &work).await?;
        report::run(&format!("{name} {}", turn / 2 + 1), &run);
        lost += run.lost();
        runs.push(run.saturated.delivered_per_second);
    }
    let Ratios { min, median, max } = Ratios::of(&without, &with).context("nothing was measured")?;
    println!(
        "\nwith {} {median:.2} of what goes out without it (rounds: {min:.2} to {max:.2}; bar {BAR:.2})",
        options.plugin
    );
    if lost > 0 {
        println!("LOST: {lost} acknowledged events never arrived");
    }
    if median < BAR {
        println!("warning: below the bar");
    }
    Ok(if lost == 0 && median >= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
