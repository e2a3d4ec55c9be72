//! `leadhook plugin`: a plugin or script on a desk, from the first folder to the engine.

mod bench;
mod build;
mod check;
mod compare;
mod create;
mod fixtures;
mod interpreted;
pub(super) mod remote;
pub(super) mod replay;
mod run;
mod sdk;
mod subject;

use std::process::ExitCode;

use super::terminal::Terminal;

const EXAMPLES: &str = "\
From nothing to an engine:
  leadhook plugin new add-phone --lang rust && cd add-phone
  leadhook plugin build
  leadhook plugin test
  leadhook plugin push add-phone.wasm

With --lang rhai it is a script: nothing to build, `test` and `push` take the .rhai as it is.";

/// What is done with a plugin.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a folder with a plugin that builds and whose tests pass
    #[command(after_help = create::HELP)]
    New(create::Options),
    /// Build a plugin's folder to WebAssembly, and check what came out
    #[command(after_help = build::HELP)]
    Build(build::Options),
    /// Tell whether an engine takes a plugin or script, and what is in it
    Check(check::Options),
    /// Run a plugin or script over one lead, and show what it does
    #[command(after_help = run::HELP)]
    Run(run::Options),
    /// Run every fixture of a folder
    #[command(after_help = fixtures::HELP)]
    Test(fixtures::Options),
    /// Measure how long a plugin or script takes for one lead
    Bench(bench::Options),
    /// Tell which leads come out differently from two versions
    #[command(after_help = compare::HELP)]
    Diff(compare::Options),
    /// Upload a plugin or script to an engine
    Push(remote::Push),
    /// List an engine's plugins
    List(remote::List),
    /// Show what a plugin logged at its latest deliveries
    Logs(remote::Logs),
    /// Render a stored delivery again as it was then, and tell whether the same bytes come out
    #[command(after_help = replay::HELP)]
    Replay(replay::Options),
    /// Make an earlier version of a plugin the current one
    Rollback(remote::Rollback),
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    match line.action {
        Action::New(options) => create::run(&options, terminal),
        Action::Build(options) => build::run(&options, terminal),
        Action::Check(options) => check::run(&options, terminal),
        Action::Run(options) => run::run(&options, terminal),
        Action::Test(options) => fixtures::run(&options, terminal),
        Action::Bench(options) => bench::run(&options, terminal),
        Action::Diff(options) => compare::run(&options, terminal),
        Action::Push(options) => remote::push(&options, terminal),
        Action::List(options) => remote::list(&options, terminal),
        Action::Logs(options) => remote::logs(&options, terminal),
        Action::Replay(options) => replay::run(&options, terminal),
        Action::Rollback(options) => remote::roll_back(&options, terminal),
    }
}
