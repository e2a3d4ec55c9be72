//! `leadhook webhook`: an account's webhooks, looked at, saved, switched on and off.

use std::{path::PathBuf, process::ExitCode};

use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::{Access, List, Rows, fields, json_line, local_time, segment, tell, text},
    block_on,
    client::Client,
    failure::{Exit, Failure},
    files::value_in,
    listing::Listing,
    table::{Cell, Table},
    terminal::{Style, Terminal},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook webhook list
  leadhook webhook create examples/settings/get.json
  leadhook webhook activate wh_0a1b2c3d4e5f6
  leadhook webhook update wh_0a1b2c3d4e5f6 settings.toml --revision 3
  leadhook webhook revisions wh_0a1b2c3d4e5f6 --json

A file holds settings as POST /v1/webhooks takes them, in JSON or TOML. `leadhook apply` keeps many in files.";

/// What is done with webhooks.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the webhooks, newest first
    List(List),
    /// Show a webhook with its settings
    Show(One),
    /// Make a webhook; it is off
    Create(Create),
    /// Save a webhook's settings, whole
    Update(Update),
    /// Delete a webhook; what it owes is cancelled
    Delete(One),
    /// Switch a webhook on, if its handler takes a sample lead
    Activate(Activate),
    /// Switch a webhook off
    Deactivate(One),
    /// Copy a webhook with all its settings; the copy is off
    Copy(One),
    /// List what was saved of a webhook, newest first
    Revisions(Revisions),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The webhook's id
    id: String,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Its settings, JSON or TOML
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Update {
    /// The webhook's id
    id: String,
    /// Its settings, JSON or TOML
    file: PathBuf,
    /// Save only if this is still the revision
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Activate {
    /// The webhook's id
    id: String,
    /// Switch it on even if the handler does not take the sample lead
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Revisions {
    /// The webhook's id
    id: String,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::List(options) => list(&options, terminal).await,
            Action::Show(options) => show(&options, terminal).await,
            Action::Create(options) => create(&options, terminal).await,
            Action::Update(options) => update(&options, terminal).await,
            Action::Delete(options) => delete(&options, terminal).await,
            Action::Activate(options) => activate(&options, terminal).await,
            Action::Deactivate(options) => by_post(&options, "deactivate", "is off", terminal).await,
            Action::Copy(options) => by_post(&options, "copy", "is the copy; it is off", terminal).await,
            Action::Revisions(options) => revisions(&options, terminal).await,
        }
    })
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let listing = Listing {
        path: "/v1/webhooks",
        query: &[],
        field: "webhooks",
        none: "there is no webhook; `leadhook webhook create FILE` makes one",
    };
    let table = Table::new(&["id", "name", "is", "revision", "url"]);
    let row = |table: &mut Table, webhook: &Value| {
        table.row([
            text(webhook, "id").into(),
            text(webhook, "name").into(),
            switch(webhook),
            webhook["revision"].to_string().into(),
            text(&webhook["settings"], "url").into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

fn switch(webhook: &Value) -> Cell {
    match (webhook["active"] == true, webhook["inactive_reason"].is_string()) {
        (true, _) => Cell::styled(Style::Green, "on"),
        (false, true) => Cell::styled(Style::Red, "switched off"),
        (false, false) => Cell::styled(Style::Dim, "off"),
    }
}

async fn show(options: &One, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let webhook = Client::new(&options.access)?.get(&path(&options.id)).await?;
    if options.access.json {
        return json_line(&webhook, terminal);
    }
    let is = match (webhook["active"] == true, webhook["inactive_reason"].as_str()) {
        (true, _) => "on".to_owned(),
        (false, Some(_)) => format!("switched off by the engine: {}", text(&webhook, "inactive_reason")),
        (false, None) => format!("off; `leadhook webhook activate {}` switches it on", text(&webhook, "id")),
    };
    let pairs = [
        ("id", text(&webhook, "id")),
        ("name", text(&webhook, "name")),
        ("is", is),
        ("revision", webhook["revision"].to_string()),
        ("made", local_time(&webhook, "created_at")),
    ];
    fields(&pairs, terminal)?;
    terminal.gap()?;
    json_line(&webhook["settings"], terminal)
}

async fn create(options: &Create, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let settings = value_in(&options.file)?;
    let webhook = Client::new(&options.access)?.send(Method::POST, "/v1/webhooks", &settings).await?;
    let id = text(&webhook, "id");
    let words = format!("{id} is made; `leadhook webhook activate {id}` switches it on");
    tell(&options.access, &webhook, &words, terminal)
}

async fn update(options: &Update, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let settings = value_in(&options.file)?;
    let (client, path) = (Client::new(&options.access)?, path(&options.id));
    let saved = match options.revision {
        Some(revision) => client.replace(&path, &settings, revision).await?,
        None => client.send(Method::PUT, &path, &settings).await?,
    };
    let words = format!("{} is saved as revision {}", text(&saved, "id"), saved["revision"]);
    tell(&options.access, &saved, &words, terminal)
}

async fn delete(options: &One, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let answer = Client::new(&options.access)?.call(Method::DELETE, &path(&options.id)).await?;
    tell(&options.access, &answer, &format!("{} is deleted", options.id), terminal)
}

async fn activate(options: &Activate, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let webhook = switch_on(&Client::new(&options.access)?, &options.id, options.force).await?;
    let words = format!("{} is on; to the sample lead {}", options.id, text(&webhook["probe"], "summary"));
    tell(&options.access, &webhook, &words, terminal)
}

/// Switches a webhook on; refused by its handler, it says what the handler answered.
pub(super) async fn switch_on(client: &Client, id: &str, force: bool) -> anyhow::Result<Value> {
    let path = format!("{}/activate", path(id));
    let answer = client.send(Method::POST, &path, &json!({ "force": force })).await;
    answer.map_err(|error| {
        let problem = error.downcast_ref::<Failure>().map(|failure| &failure.problem);
        match problem.filter(|problem| problem["code"] == "handler_not_ok") {
            Some(problem) => {
                let answer = &problem["answer"];
                let body = match text(answer, "body") {
                    body if body.is_empty() => String::new(),
                    body => format!(" (`{body}`)"),
                };
                let words = format!(
                    "{id} stays off: its handler did not take the sample lead: {}{body}; --force switches it on all \
                     the same",
                    text(answer, "summary")
                );
                Failure::new(Exit::Refused, words).into()
            }
            None => error,
        }
    })
}

async fn by_post(
    options: &One,
    action: &str,
    words: &str,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    let path = format!("{}/{action}", path(&options.id));
    let webhook = Client::new(&options.access)?.call(Method::POST, &path).await?;
    tell(&options.access, &webhook, &format!("{} {words}", text(&webhook, "id")), terminal)
}

async fn revisions(options: &Revisions, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let path = format!("{}/revisions", path(&options.id));
    let listing =
        Listing { path: &path, query: &[], field: "revisions", none: "nothing was saved of this webhook" };
    let table = Table::new(&["revision", "saved", "name", "url"]);
    let row = |table: &mut Table, revision: &Value| {
        table.row([
            revision["revision"].to_string().into(),
            local_time(revision, "saved_at").into(),
            text(&revision["settings"], "name").into(),
            text(&revision["settings"], "url").into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

fn path(id: &str) -> String {
    format!("/v1/webhooks/{}", segment(id))
}
