//! `leadhook resend`: a period of a webhook's deliveries sent again, watched, and called off.

use std::{process::ExitCode, time::Duration};

use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    access::{Access, List, json_line, local_time, segment, text},
    block_on,
    client::Client,
    listing::Listing,
    table::{Cell, Table},
    terminal::{Style, Terminal},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook resend start wh_0a1b2c3d4e5f6 --from 2026-03-01T00:00:00+03:00 --to 2026-03-08T00:00:00+03:00
  leadhook resend start wh_0a1b2c3d4e5f6 --from … --to … --only failed --url current --detach
  leadhook resend list
  leadhook resend show rs_0a1b2c3d4e5f6 --follow
  leadhook resend cancel rs_0a1b2c3d4e5f6

The engine sends the period again by itself; a command that is broken off changes nothing about it.
Exit code of `start` and `show --follow`: 0 when it is done and nothing failed, 1 when not.";

/// How long between two looks at a resend that is followed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is done about resends.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Send a period again, and show how far it is until it has ended
    #[command(after_help = HELP)]
    Start(Start),
    /// List the resends, newest first
    List(List),
    /// Show how far a resend is
    Show(Show),
    /// Cancel a resend: nothing more of it is sent
    Cancel(Cancel),
}

#[derive(Debug, clap::Args)]
struct Start {
    /// The webhook's id
    webhook: String,
    /// Deliveries of calls and requests from this time on, like 2026-03-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Before this time; at most 31 days after the first
    #[arg(long, value_name = "TIME")]
    to: String,
    /// Every delivery that had at least one attempt, or failed ones
    #[arg(long, value_parser = ["all", "failed"], default_value = "all")]
    only: String,
    /// To the URL of then, or to the webhook's URL of now, for a handler that moved
    #[arg(long, value_parser = ["then", "current"], default_value = "then")]
    url: String,
    /// Do not wait for its end
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The resend's id
    id: String,
    /// Wait for its end, and show how far it is meanwhile
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct Cancel {
    /// The resend's id
    id: String,
    #[command(flatten)]
    access: Access,
}

/// Carries it out; the exit code is its answer.
pub(crate) fn run(line: Line, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        match line.action {
            Action::Start(options) => start(&options, terminal).await,
            Action::List(options) => list(&options, terminal).await,
            Action::Show(options) => show(&options, terminal).await,
            Action::Cancel(options) => cancel(&options, terminal).await,
        }
    })
}

async fn start(options: &Start, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let wanted = json!({
        "webhook": options.webhook, "from": options.from, "to": options.to, "only": options.only, "url": options.url,
    });
    let begun = client.send(Method::POST, "/v1/resends", &wanted).await?;
    if options.detach {
        return tell(&begun, &options.access, terminal);
    }
    if !options.access.json {
        terminal.line(format!("{} has begun", text(&begun, "id")))?;
    }
    follow(&client, &begun, &options.access, terminal).await
}

async fn list(options: &List, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let listing =
        Listing { path: "/v1/resends", query: &[], field: "resends", none: "no period was sent again yet" };
    listing.print(&client, &options.access, &options.rows, table(), row, terminal).await
}

fn table() -> Table {
    Table::new(&["id", "state", "webhook", "from", "to", "progress"])
}

fn row(table: &mut Table, resend: &Value) {
    let style = match resend["state"].as_str() {
        Some("done") if resend["failed"] == 0 => Style::Green,
        Some("running") => Style::Bold,
        _ => Style::Yellow,
    };
    table.row([
        text(resend, "id").into(),
        Cell::styled(style, &text(resend, "state")),
        text(resend, "webhook").into(),
        local_time(resend, "from").into(),
        local_time(resend, "to").into(),
        in_words(resend).into(),
    ]);
}

async fn show(options: &Show, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let resend = client.get(&path(&options.id)).await?;
    match options.follow {
        true => follow(&client, &resend, &options.access, terminal).await,
        false => tell(&resend, &options.access, terminal),
    }
}

async fn cancel(options: &Cancel, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let client = Client::new(&options.access)?;
    let cancelled = client.call(Method::DELETE, &path(&options.id)).await?;
    tell(&cancelled, &options.access, terminal)
}

fn path(id: &str) -> String {
    format!("/v1/resends/{}", segment(id))
}

/// Looks at a resend until it has ended; the bar is drawn on standard error, where that is a terminal.
async fn follow(
    client: &Client,
    resend: &Value,
    access: &Access,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    let path = path(resend["id"].as_str().unwrap_or_default());
    let bar = ProgressBar::new(1);
    bar.set_style(ProgressStyle::with_template("{bar:20} {percent:>3} %  {elapsed:>4}  {wide_msg}")?);
    let mut resend = resend.clone();
    while !matches!(resend["state"].as_str(), Some("done" | "cancelled")) {
        let count = |name: &str| resend[name].as_u64().unwrap_or(0);
        // Nothing of nothing would be drawn as all of it.
        bar.set_length(count("selected").max(1));
        bar.set_position(count("delivered") + count("failed") + count("skipped"));
        bar.set_message(in_words(&resend));
        tokio::time::sleep(LOOK_EVERY).await;
        resend = client.get(&path).await?;
    }
    bar.finish_and_clear();
    tell(&resend, access, terminal)?;
    let is_good = resend["state"] == "done" && resend["failed"] == 0;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(resend: &Value, access: &Access, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    if access.json {
        return json_line(resend, terminal);
    }
    let mut table = table();
    row(&mut table, resend);
    table.print(terminal)?;
    Ok(ExitCode::SUCCESS)
}

fn in_words(resend: &Value) -> String {
    let count = |name: &str| resend[name].as_u64().unwrap_or(0);
    let erased = match count("erased") {
        0 => String::new(),
        erased => format!(" ({erased} erased)"),
    };
    let paused = if resend["state"] == "paused" { ", paused: the webhook is off" } else { "" };
    format!(
        "{} selected, {} delivered, {} failed, {} skipped{erased}{paused}",
        count("selected"),
        count("delivered"),
        count("failed"),
        count("skipped")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::Paper;

    #[test]
    fn a_resend_is_told_in_a_line() {
        let resend = json!({
            "id": "rs_1", "state": "paused", "webhook": "wh_1", "from": "A", "to": "B\u{1b}", "selected": 7,
            "delivered": 3, "failed": 1, "skipped": 2, "erased": 1,
        });
        let (mut table, paper) = (table(), Paper::default());
        row(&mut table, &resend);
        table.print(&mut Terminal::plain(paper.clone())).unwrap();
        let expected = "rs_1  paused  wh_1     A     B\\u{1b}  7 selected, 3 delivered, 1 failed, \
                        2 skipped (1 erased), paused: the webhook is off";
        assert_eq!(paper.text().lines().nth(1), Some(expected));
    }
}
