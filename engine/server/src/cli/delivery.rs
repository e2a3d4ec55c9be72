//! `leadhook delivery`: what is owed to handlers and what became of it; sent and cancelled by hand.

mod show;

use std::process::ExitCode;

use hyper::Method;
use serde_json::Value;

use super::{
    access::{Access, Rows, json_line, local_time, segment, tell, text},
    block_on,
    client::Client,
    listing::Listing,
    table::{Cell, Table},
    terminal::{Style, Terminal},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook delivery list --state failed --webhook wh_0a1b2c3d4e5f6
  leadhook delivery list --lead 60001/call/1290551239
  leadhook delivery show dlv_0000…
  leadhook delivery send dlv_0000…

`show` tells in words why a lead did or did not arrive, with what was sent and what came back.";

/// What is done with deliveries.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List deliveries, the newest owed first
    List(List),
    /// Tell what became of a delivery, and why
    Show(One),
    /// Send a delivery now: make a waiting one due, or send again what has ended
    Send(One),
    /// Cancel a delivery that waits
    Cancel(One),
    /// Render a delivery again as it was then, and tell whether the same bytes come out
    Replay(One),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<String>,
    /// Of leads of this site
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// Of this lead: site/type/id
    #[arg(long, value_name = "LEAD")]
    lead: Option<String>,
    /// In this state: scheduled, sending, retrying, delivered, skipped, failed or cancelled
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// For this trigger, such as call_ended
    #[arg(long, value_name = "TRIGGER")]
    trigger: Option<String>,
    /// Owed since this time or later, like 2026-03-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Owed since before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The delivery's id, which handlers get as `webhook-id`
    id: String,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::List(options) => list(&options, terminal).await,
            Action::Show(options) => {
                let delivery = Client::new(&options.access)?.get(&path(&options.id)).await?;
                match options.access.json {
                    true => json_line(&delivery, terminal),
                    false => show::tell(&delivery, terminal).map(|()| ExitCode::SUCCESS),
                }
            }
            Action::Send(options) => send(&options, terminal).await,
            Action::Cancel(options) => {
                let answer = by_post(&options, "cancel").await?;
                tell(&options.access, &answer, &format!("{} is cancelled", options.id), terminal)
            }
            Action::Replay(options) => {
                let answer = by_post(&options, "replay").await?;
                super::plugin::replay::print(&answer, options.access.json, terminal)
            }
        }
    })
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let query = [
        ("webhook", options.webhook.as_deref()),
        ("site", options.site.as_deref()),
        ("lead", options.lead.as_deref()),
        ("state", options.state.as_deref()),
        ("trigger", options.trigger.as_deref()),
        ("from", options.from.as_deref()),
        ("to", options.to.as_deref()),
    ];
    let listing = Listing {
        path: "/v1/deliveries",
        query: &query,
        field: "deliveries",
        none: "there is no such delivery; none is owed where no webhook is on that takes what happened",
    };
    listing.print(&client, &options.access, &options.rows, table(), row, terminal).await
}

/// The columns of a list of deliveries.
pub(super) fn table() -> Table {
    Table::new(&["id", "state", "why", "lead", "trigger", "owed since", "attempts"])
}

/// A delivery as a row of it.
pub(super) fn row(table: &mut Table, delivery: &Value) {
    let why = ["reason", "last_outcome"].map(|field| text(delivery, field));
    let why = why.into_iter().find(|why| !why.is_empty()).unwrap_or_default();
    table.row([
        text(delivery, "id").into(),
        Cell::styled(style(delivery), &text(delivery, "state")),
        why.into(),
        lead(&delivery["lead"]).into(),
        text(delivery, "trigger").into(),
        local_time(delivery, "created_at").into(),
        delivery["attempt_count"].to_string().into(),
    ]);
}

/// How the state of a delivery stands out.
pub(super) fn style(delivery: &Value) -> Style {
    match delivery["state"].as_str() {
        Some("delivered") => Style::Green,
        Some("failed") => Style::Red,
        Some("retrying" | "cancelled") => Style::Yellow,
        Some("skipped") => Style::Dim,
        _ => Style::Bold,
    }
}

/// A lead's name, `site/type/id`.
pub(super) fn lead(lead: &Value) -> String {
    format!("{}/{}/{}", text(lead, "site"), text(lead, "type"), text(lead, "id"))
}

async fn send(options: &One, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let sent = by_post(options, "send").await?;
    let id = text(&sent, "id");
    let words = match sent["resend_of"].is_string() {
        true => format!("{id} sends it again; `leadhook delivery show {id}` tells how it goes"),
        false => format!("{id} goes out now; `leadhook delivery show {id}` tells how it goes"),
    };
    tell(&options.access, &sent, &words, terminal)
}

async fn by_post(options: &One, action: &str) -> anyhow::Result<Value> {
    let path = format!("{}/{action}", path(&options.id));
    Client::new(&options.access)?.call(Method::POST, &path).await
}

fn path(id: &str) -> String {
    format!("/v1/deliveries/{}", segment(id))
}
