//! `leadhook plugin run`: one call, with all that came of it.

use std::{io, path::PathBuf, process::ExitCode};

use leadhook_core::plugin::{Decided, Run};
use leadhook_testkit::{Played, differences};
use serde_json::{Value, json};

use super::{
    check::size,
    subject::{Input, plugin_in},
};
use crate::cli::terminal::{Style, Terminal, pad, tame};

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin run add-phone.wasm -i fixtures/with-phone/lead.json
  leadhook plugin run add-phone.rhai -i examples/leads/call-dynamic.json --settings settings.json
  leadhook plugin run crm.wasm -i lead.json --response answer.json --secret token=abc

LEAD.json holds a lead as plugins read it, or events as POST /v1/events takes them; of events the engine's
own code makes the lead and, with --settings, the request.
Exit code: 0 when it did its work, 1 when it failed.";

/// What is run, over what.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A .wasm or a .rhai
    file: PathBuf,
    #[command(flatten)]
    input: Input,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs it once, and tells.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let sample = options.input.sample()?;
    let played = sample.play(&plugin_in(&options.file)?);
    match options.json {
        true => terminal.line(format!("{:#}", as_json(&played)))?,
        false => tell(&played, terminal)?,
    }
    Ok(if played.broken().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(played: &Played) -> Value {
    let found = played.requests.as_ref().map(|(before, after)| differences(before, after));
    let changes: Vec<Value> = (found.into_iter().flatten())
        .map(|found| json!({ "path": found.path, "before": found.before, "after": found.after }))
        .collect();
    let runs: Vec<Value> = played.runs.iter().map(run_as_json).collect();
    json!({ "came_out": played.came_out, "changes": changes, "runs": runs })
}

fn run_as_json(run: &Run) -> Value {
    let lines = run.log.iter().map(|line| json!({ "level": line.level.to_string(), "text": line.text }));
    let log: Vec<Value> = lines.collect();
    json!({ "step": run.step.to_string(), "fuel": run.fuel, "memory_bytes_peak": run.memory_bytes_peak,
        "elapsed_us": run.elapsed_us, "log": log, "log_cut": run.log_cut })
}

fn tell(played: &Played, terminal: &mut Terminal) -> io::Result<()> {
    let (style, verdict) = verdict(played);
    terminal.line(terminal.paint(style, tame(&verdict)))?;
    if let Some(broken) = played.broken() {
        broken.frames.iter().try_for_each(|frame| terminal.line(format!("  in {}", tame(frame))))?;
    }
    if let Some((before, after)) = &played.requests {
        let found = differences(before, after);
        if found.is_empty() {
            terminal.line("  the request stays as it was")?;
        }
        found.iter().try_for_each(|found| terminal.line(format!("  {}", tame(&found.to_string()))))?;
    }
    if let Some(state) = played.came_out.get("kv") {
        terminal.line(format!("  state: {}", tame(&state.to_string())))?;
    }
    for run in &played.runs {
        let used = format!("{} fuel, {}, {} µs", run.fuel, size(run.memory_bytes_peak), run.elapsed_us);
        let step = pad(&run.step.to_string(), 9);
        terminal.line(terminal.paint(Style::Dim, format!("  {step}  {used}")))?;
        log(run, terminal)?;
    }
    Ok(())
}

/// What a run logged, each line under the run.
pub(super) fn log(run: &Run, terminal: &mut Terminal) -> io::Result<()> {
    for line in &run.log {
        terminal.line(format!("    {}  {}", pad(&line.level.to_string(), 5), tame(&line.text)))?;
    }
    if run.log_cut {
        terminal.line("    … the log went on, and was cut here")?;
    }
    Ok(())
}

/// What came out, in a line.
fn verdict(played: &Played) -> (Style, String) {
    match played.runs.last().map(|run| &run.decided) {
        None => (Style::Yellow, "nothing ran: it has no function for what was given".to_owned()),
        Some(Decided::Passed | Decided::Sent) => (Style::Green, "would be sent".to_owned()),
        Some(Decided::Skipped { reason }) => (Style::Yellow, format!("would be skipped: {reason}")),
        Some(Decided::Deferred { until }) => {
            (Style::Yellow, format!("would be tried again at {}", until.to_rfc3339()))
        }
        Some(Decided::Delivered) => (Style::Green, "the handler has it".to_owned()),
        Some(Decided::Retry { after_seconds: None }) => (Style::Yellow, "would be tried again".to_owned()),
        Some(Decided::Retry { after_seconds: Some(seconds) }) => {
            (Style::Yellow, format!("would be tried again; the handler asks to wait {seconds} s"))
        }
        Some(Decided::Refused { reason }) => (Style::Yellow, format!("the handler refuses it: {reason}")),
        Some(Decided::Broken(broken)) => {
            let code = broken.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            (Style::Red, format!("failed: {}{code}: {}", broken.kind, broken.detail))
        }
    }
}
