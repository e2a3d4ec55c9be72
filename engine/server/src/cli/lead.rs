//! `leadhook lead`: what is known about leads, how it came to be known, and what is owed of each.

use std::process::ExitCode;

use anyhow::Context as _;
use leadhook_core::id::LeadRef;
use serde_json::Value;

use super::{
    access::{Access, Rows, fields, json_line, local_time, segment, text, texts},
    block_on,
    client::Client,
    delivery::{self, lead},
    failure::{Exit, Failure},
    listing::Listing,
    table::Table,
    terminal::{Style, Terminal, complain},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook lead list --site 60001 --phone '+7 999 000-00-01'
  leadhook lead show 60001/call/1290551239";

/// What is asked about leads.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List leads, the newest arrival first
    List(List),
    /// Show a lead with its history and deliveries
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this site
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// call or request
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Of this client
    #[arg(long, value_name = "PHONE")]
    phone: Option<String>,
    /// Begun at this time or later, like 2026-03-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Begun before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The lead: site/type/id
    lead: String,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::List(options) => list(&options, terminal).await,
            Action::Show(options) => show(&options, terminal).await,
        }
    })
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let query = [
        ("site", options.site.as_deref()),
        ("type", options.kind.as_deref()),
        ("phone", options.phone.as_deref()),
        ("from", options.from.as_deref()),
        ("to", options.to.as_deref()),
    ];
    let listing = Listing { path: "/v1/leads", query: &query, field: "leads", none: "no such lead is known" };
    let table = Table::new(&["lead", "began", "phone", "unique", "target", "events"]);
    let row = |table: &mut Table, one: &Value| {
        table.row([
            lead(one).into(),
            local_time(one, "started_at").into(),
            text(&one["facts"], "callerphone").into(),
            yes(&one["decided"]["unique"]).into(),
            yes(&one["decided"]["target"]).into(),
            one["version"].to_string().into(),
        ]);
    };
    listing.print(&client, &options.access, &options.rows, table, row, terminal).await
}

fn yes(value: &Value) -> &'static str {
    match value.as_bool() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

async fn show(options: &Show, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let form = || {
        let words = format!("{}: expected site/type/id, like 60001/call/1290551239", options.lead);
        Failure::new(Exit::Usage, words)
    };
    let LeadRef { site, kind, id } = LeadRef::by_text(&options.lead).with_context(form)?;
    let path = format!("/v1/leads/{site}/{}/{}", kind.word(), segment(&id));
    let whole = Client::new(&options.access)?.get(&path).await?;
    if options.access.json {
        return json_line(&whole, terminal);
    }
    terminal.line(terminal.paint(Style::Bold, lead(&whole)))?;
    let decided = &whole["decided"];
    let mut pairs = vec![
        ("began", local_time(&whole, "started_at")),
        ("arrived", local_time(&whole, "arrived_at")),
        ("unique", yes(&decided["unique"]).to_owned()),
        ("target", yes(&decided["target"]).to_owned()),
    ];
    let facts = whole["facts"].as_object();
    pairs.extend(facts.into_iter().flatten().map(|(name, fact)| (name.as_str(), said(fact))));
    fields(&pairs, terminal)?;
    history(&whole, terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// A fact in a line: text as it is, anything else as JSON.
fn said(fact: &Value) -> String {
    let text = fact.as_str().map_or_else(|| fact.to_string(), str::to_owned);
    super::terminal::tame(&text).into_owned()
}

fn history(whole: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    terminal.gap()?;
    let mut events = Table::new(&["event", "type", "happened", "accepted", "did", "made owed"]);
    for event in whole["history"].as_array().into_iter().flatten() {
        events.row([
            text(event, "event_id").into(),
            text(event, "type").into(),
            local_time(event, "time").into(),
            local_time(event, "accepted_at").into(),
            text(event, "effect").into(),
            texts(event, "deliveries").into(),
        ]);
    }
    events.print(terminal)?;
    terminal.gap()?;
    let mut deliveries = delivery::table();
    let owed = whole["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
    owed.iter().for_each(|one| delivery::row(&mut deliveries, one));
    deliveries.print(terminal)?;
    if owed.is_empty() {
        complain("nothing was owed of it: no webhook was on that takes what happened when it arrived");
    }
    Ok(())
}
