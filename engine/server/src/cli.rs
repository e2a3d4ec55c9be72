//! The command line: what can be asked of the binary, and its help.

mod access;
mod account;
mod apply;
mod audit;
mod backup;
mod check;
mod client;
mod delivery;
mod demo;
mod erase;
pub(crate) mod failure;
mod files;
mod lead;
mod listen;
mod listing;
mod master_key;
mod notification;
mod pages;
mod plugin;
mod preview;
mod received;
mod receiver;
mod rehearsal;
mod resend;
mod secret;
mod send;
mod site;
mod stream;
mod table;
pub(crate) mod terminal;
mod webhook;

use std::process::ExitCode;

use leadhook_core::fault::Faults;

use crate::{
    api,
    config::{self, Environment, Flags, Loaded},
    logs::{self, LogFormat},
    serve::{self, reload::Configuration},
};
use terminal::{Terminal, complain};

/// The exit code for settings that cannot be used, as for flags that do not exist.
const BAD_SETTINGS: u8 = 2;

const EXAMPLES: &str = "\
Try it out, in three terminals:
  leadhook listen --port 9000
  leadhook serve --allow-destination 127.0.0.0/8
  leadhook send examples/leads/*.json

Or all of it in one process, within seconds:
  leadhook demo";

/// leadhook: takes events about leads in and delivers them to webhooks, reliably
#[derive(Debug, clap::Parser)]
#[command(name = "leadhook", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the engine: its HTTP interface and its deliveries
    #[command(after_help = SERVE)]
    Serve(Flags),
    /// Show the whole job on sample leads, in one process and within seconds
    #[command(after_help = DEMO)]
    Demo,
    /// Receive webhooks on this machine and print them decoded
    #[command(after_help = LISTEN)]
    Listen(listen::Options),
    /// Send events from files to an engine
    #[command(after_help = SEND)]
    Send(send::Options),
    /// Show the request that a webhook's settings make of a lead; sends nothing, needs no server
    #[command(after_help = PREVIEW)]
    Preview(preview::Options),
    /// Make sites and webhooks match files
    #[command(after_help = apply::HELP)]
    Apply(apply::Options),
    /// Look at webhooks, save them, switch them on and off
    #[command(after_help = webhook::HELP)]
    Webhook(webhook::Line),
    /// Tell why leads did or did not arrive; send and cancel by hand
    #[command(after_help = delivery::HELP)]
    Delivery(delivery::Line),
    /// Send a period of a webhook's deliveries again
    Resend(resend::Line),
    /// Follow deliveries and notifications as they happen
    #[command(after_help = stream::HELP)]
    Stream(stream::Options),
    /// Look at leads and their history
    #[command(after_help = lead::HELP)]
    Lead(lead::Line),
    /// Look at sites, save them, and make relay tokens
    #[command(after_help = site::HELP)]
    Site(site::Line),
    /// Look at notifications
    Notification(notification::Line),
    /// Set secrets for plugins
    #[command(after_help = secret::HELP)]
    Secret(secret::Line),
    /// Make, try and upload plugins and scripts
    Plugin(plugin::Line),
    /// Make accounts and change their terms, as the operator
    #[command(after_help = account::ACCOUNT)]
    Account(account::AccountLine),
    /// Make and delete accounts' keys, as the operator
    #[command(after_help = account::KEY)]
    Key(account::KeyLine),
    /// Show who changed what
    #[command(after_help = audit::HELP)]
    Audit(audit::Options),
    /// Erase all that is kept of one client, and print the certificate of it
    #[command(after_help = erase::HELP)]
    Erase(erase::Options),
    /// Copy all that an engine keeps into a file, while it runs
    #[command(after_help = backup::BACKUP)]
    Backup(backup::Backup),
    /// Bring a backup back into an empty data folder
    #[command(after_help = backup::RESTORE)]
    Restore(backup::Restore),
    /// Read everything in a data folder, and say what is wrong with it
    #[command(after_help = backup::VERIFY)]
    Verify(backup::Verify),
    /// Look at the engine's configuration
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Print what a shell completes commands by
    #[command(after_help = pages::COMPLETIONS)]
    Completions(pages::Completions),
    /// Write manual pages
    #[command(after_help = pages::MAN)]
    Man(pages::Man),
    /// Print the description of the HTTP interface (OpenAPI 3.1)
    #[command(hide = true)]
    Openapi,
    /// Compile the plugin on standard input for the engine that started this
    #[command(hide = true, name = serve::COMPILE_PLUGIN)]
    CompilePlugin,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigAction {
    /// Check the configuration, and print what holds and where each value comes from
    #[command(after_help = CHECK)]
    Check(Flags),
}

const SERVE: &str = "\
Examples:
  leadhook serve
  leadhook serve --data /var/lib/leadhook --config /etc/leadhook.toml
  leadhook serve --allow-destination 127.0.0.0/8      # to try webhooks out on this machine

On an empty data folder the account `default` is made and its API key is printed once; it is also kept
in DIR/api-key. With LEADHOOK_API_KEY (16 characters or more) set, that is the key, at later starts too.
Settings: file < environment < flags; a list in the environment is separated by commas.
SIGTERM and SIGINT end the engine in order, a second one at once.
Exit code: 0 ended in order, 1 could not run (the data folder is in use, …), 2 settings that are wrong.";

const DEMO: &str = "\
An engine on a temporary folder, a receiver on loopback, webhooks with a delay, a filter, retries and
signatures, and sample leads. The engine's clock is moved, so that minutes pass in a moment.
Exit code: 0 when everything went as it should, 1 when not, with what did not. Leaves nothing behind.";

const LISTEN: &str = "\
Examples:
  leadhook listen
  leadhook listen --port 9001 --fail-first 2 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const SEND: &str = "\
Examples:
  leadhook send examples/leads/*.json
  leadhook send --server https://hooks.example --key-file ./key events.ndjson

A file holds one event, an array of events, or an event a line (NDJSON).
The key: --key, else --key-file, else LEADHOOK_API_KEY, else ./leadhook-data/api-key.
Exit code: 0 when every event was accepted, 1 when not.";

const PREVIEW: &str = "\
Examples:
  leadhook preview examples/settings/get.json
  leadhook preview settings.json lead.json --trigger call_started
  leadhook preview settings.json lead.json --site examples/site.json --json

LEAD.json holds one event or an array of events, as POST /v1/events takes them; they are accepted in
memory, and the lead of the last one is shown. Without it a sample lead is shown.";

const CHECK: &str = "\
Examples:
  leadhook config check
  leadhook config check --config /etc/leadhook.toml
Exit code: 0 when the configuration can be used, 1 when not, with everything that is wrong.";

/// Runs the engine, unless its configuration cannot be used.
fn serve(flags: Flags, terminal: Terminal) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let Loaded { config, shown, .. } = config::load(&flags, &environment);
    match config {
        Ok(config) => {
            let log = logs::start(config.log, &config.log_level);
            let configuration = Configuration { flags, environment, shown, log };
            block_on(serve::run(config, configuration, terminal))
        }
        Err(faults) => {
            tell(&faults);
            Ok(ExitCode::from(BAD_SETTINGS))
        }
    }
}

/// Carries a command out; the exit code is its answer.
pub(crate) fn run(line: Line) -> anyhow::Result<ExitCode> {
    let mut terminal = Terminal::stdout();
    match line.command {
        Command::Serve(flags) => serve(flags, terminal),
        Command::Config { action: ConfigAction::Check(flags) } => check::run(&flags, &mut terminal),
        Command::Demo => {
            quiet_log();
            block_on(demo::run(terminal))
        }
        Command::Listen(options) => {
            quiet_log();
            block_on(listen::run(options, terminal))
        }
        Command::Send(options) => block_on(send::run(options, terminal)),
        Command::Preview(options) => preview::run(&options, &mut terminal),
        Command::Apply(options) => apply::run(&options, &mut terminal),
        Command::Webhook(line) => webhook::run(line, &mut terminal),
        Command::Delivery(line) => delivery::run(line, &mut terminal),
        Command::Resend(line) => resend::run(line, &mut terminal),
        Command::Stream(options) => stream::run(&options, &mut terminal),
        Command::Lead(line) => lead::run(line, &mut terminal),
        Command::Site(line) => site::run(line, &mut terminal),
        Command::Notification(line) => notification::run(line, &mut terminal),
        Command::Secret(line) => secret::run(line, &mut terminal),
        Command::Plugin(line) => plugin::run(line, &mut terminal),
        Command::Account(line) => account::run(line, &mut terminal),
        Command::Key(line) => account::run_keys(line, &mut terminal),
        Command::Audit(options) => audit::run(&options, &mut terminal),
        Command::Erase(options) => erase::run(&options, &mut terminal),
        Command::Backup(options) => backup::backup(&options, &mut terminal),
        Command::Restore(options) => backup::restore(&options, &mut terminal),
        Command::Verify(options) => backup::verify(&options, &mut terminal),
        Command::Completions(options) => pages::completions(&options, &mut terminal),
        Command::Man(options) => pages::man(&options, &mut terminal),
        Command::Openapi => {
            terminal.line(api::openapi().to_pretty_json()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::CompilePlugin => {
            leadhook_sandbox::compile_as_child()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Each fault on a line of its own.
fn tell(faults: &Faults) {
    for fault in &faults.0 {
        match fault.path.as_str() {
            "" => complain(format!("error: {}", fault.detail)),
            path => complain(format!("error: {path}: {}", fault.detail)),
        }
    }
}

/// What goes as planned is told on standard output; the log has only what does not.
fn quiet_log() {
    logs::start(LogFormat::Text, "error");
}

fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(command);
    // A command has waited for all that it wants to wait for.
    runtime.shutdown_background();
    ended
}
