//! `leadhook plugin test`: every fixture of a folder, in the engine's own sandbox.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use leadhook_testkit::{Checked, Fate, check_folder};
use serde_json::json;

use super::{
    build::{Source, with_extension},
    run::log,
    subject::plugin_in,
};
use crate::cli::terminal::{Style, Terminal, complain, count, tame};

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin test
  leadhook plugin test ~/plugins/add-phone --update

Runs DIR/fixtures/*: each folder a lead with what is to come of it. The files are described in the guide,
docs/plugins.md. --update writes what came out to expected.json where it differs: look at the change.
Exit code: 0 when every fixture came out as expected, 1 when not.";

/// What is tested.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The .wasm or .rhai; unless given, the one in the folder
    #[arg(long)]
    file: Option<PathBuf>,
    /// Write what came out to expected.json
    #[arg(long)]
    update: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs every fixture, and tells.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let file = match &options.file {
        Some(file) => file.clone(),
        None => file_in(&options.dir)?,
    };
    let checked = check_folder(&plugin_in(&file)?, &options.dir.join("fixtures"), options.update)?;
    match options.json {
        true => tell_json(&checked, terminal)?,
        false => tell(&checked, terminal)?,
    }
    let is_good = checked.iter().all(|one| one.fate.is_good());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The one plugin or script of a folder.
fn file_in(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut found = with_extension(dir, "wasm")?;
    found.extend(with_extension(dir, "rhai")?);
    let source = Source::of(dir);
    match found.as_slice() {
        [file] => {
            let written = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
            if source.is_some_and(|source| source.written(dir) > written(file)) {
                complain(format!(
                    "note: the source is newer than {}; `leadhook plugin build` builds it",
                    file.display()
                ));
            }
            Ok(file.clone())
        }
        [] if source.is_some() => bail!("{} is not built yet: leadhook plugin build {0}", dir.display()),
        [] => bail!("{} has neither a .wasm nor a .rhai; name one with --file", dir.display()),
        _ => bail!("{} has {} of them; name one with --file", dir.display(), count(found.len(), "plugin")),
    }
}

fn tell(checked: &[Checked], terminal: &mut Terminal) -> io::Result<()> {
    for one in checked {
        let fuel: u64 = one.runs.iter().map(|run| run.fuel).sum();
        let (style, word) = match &one.fate {
            Fate::Passed => (Style::Green, "passed"),
            Fate::Written => (Style::Yellow, "written"),
            _ => (Style::Red, "FAILED"),
        };
        let used = terminal.paint(Style::Dim, format!("{fuel} fuel"));
        terminal.line(format!("{}  {}  {used}", terminal.paint(style, word), tame(&one.name)))?;
        for line in complaints(&one.fate) {
            terminal.line(format!("  {}", tame(&line)))?;
        }
        if !one.fate.is_good() {
            one.runs.iter().try_for_each(|run| log(run, terminal))?;
        }
    }
    let bad = checked.iter().filter(|one| !one.fate.is_good()).count();
    terminal.gap()?;
    terminal.line(match bad {
        0 => format!("{} passed", count(checked.len(), "fixture")),
        bad => format!("{bad} of {} failed", count(checked.len(), "fixture")),
    })
}

/// What is wrong about a fixture: expected, then what came out.
fn complaints(fate: &Fate) -> Vec<String> {
    match fate {
        Fate::Passed | Fate::Written => Vec::new(),
        Fate::Differs(found) => found.iter().map(ToString::to_string).collect(),
        Fate::TooMuchFuel { fuel, fuel_max } => {
            vec![format!("it used {fuel} fuel; its limits.json allows {fuel_max}")]
        }
        Fate::Unusable(detail) => vec![detail.clone()],
    }
}

fn tell_json(checked: &[Checked], terminal: &mut Terminal) -> io::Result<()> {
    let fixtures = checked.iter().map(|one| {
        json!({ "name": one.name, "passed": one.fate.is_good(), "written": one.fate == Fate::Written,
            "complaints": complaints(&one.fate), "fuel": one.runs.iter().map(|run| run.fuel).sum::<u64>() })
    });
    terminal.line(format!("{:#}", json!({ "fixtures": fixtures.collect::<Vec<_>>() })))
}
