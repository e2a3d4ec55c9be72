//! `leadhook stream`: what becomes of deliveries, and notifications, followed as they happen.

mod events;

use std::{process::ExitCode, time::Duration};

use serde_json::Value;

use self::events::{Event, Events};
use super::{
    access::{Access, local_time, text, with_query},
    block_on,
    client::Client,
    delivery::{lead, style},
    failure::{Exit, exit_of},
    terminal::{Style, Terminal, complain, pad},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook stream
  leadhook stream --webhook wh_0a1b2c3d4e5f6 --json
  leadhook stream --kinds notification

A line for each change, until Ctrl-C. A stream that breaks off is taken up again: notifications that came meanwhile are
told then; changes of deliveries are not, `leadhook delivery list` tells how they stand.";

/// The pause before a stream that broke off is asked for again, as the engine says too.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause, after doubling.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is followed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only of this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<String>,
    /// Only some of delivery, notification and the kinds of notifications, separated by commas
    #[arg(long, value_name = "KINDS")]
    kinds: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// Follows until it is ended, or until the engine refuses.
pub(crate) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = Client::new(&options.access)?;
        let path = with_query(
            "/v1/stream",
            &[("webhook", options.webhook.as_deref()), ("kinds", options.kinds.as_deref())],
        );
        let mut events = Events::default();
        let mut pause = PAUSE;
        loop {
            events.begin_again();
            let last = events.last_id().map(str::to_owned);
            let mut was_ready = false;
            let ended = client.stream(&path, last.as_deref(), |piece| {
                for event in events.take(piece)? {
                    was_ready |= event.name == "ready";
                    tell(&event, options.access.json, terminal)?;
                }
                Ok(())
            });
            match ended.await {
                // The engine was there before, and will be again.
                Err(error) if exit_of(&error) == Exit::NotReached && last.is_some() | was_ready => {
                    complain(format!("{error:#}; trying again"));
                }
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            pause = if was_ready { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
            tokio::time::sleep(pause).await;
        }
    })
}

fn tell(event: &Event, is_json: bool, terminal: &mut Terminal) -> anyhow::Result<()> {
    let told = match event.name.as_str() {
        "delivery" | "notification" => serde_json::from_str::<Value>(&event.data)?,
        "end" => {
            let end: Value = serde_json::from_str(&event.data)?;
            complain(text(&end, "detail"));
            return Ok(());
        }
        _ => return Ok(()),
    };
    let line = match (is_json, event.name.as_str()) {
        (true, _) => event.data.clone(),
        (false, "delivery") => delivery_line(&told, terminal),
        (false, _) => {
            let kind = terminal.paint(Style::Yellow, text(&told, "kind"));
            format!(
                "{}  {kind}  {}  {}",
                local_time(&told, "at"),
                text(&told, "webhook"),
                text(&told, "detail")
            )
        }
    };
    Ok(terminal.line(line)?)
}

fn delivery_line(change: &Value, terminal: &Terminal) -> String {
    let state = terminal.paint(style(change), pad(&text(change, "state"), 9));
    let at = ["ended_at", "created_at"].map(|field| local_time(change, field));
    let at = at.iter().find(|at| !at.is_empty()).cloned().unwrap_or_default();
    let due = match (change["state"].as_str(), local_time(change, "due")) {
        (Some("scheduled" | "retrying"), due) if !due.is_empty() => format!("  due {due}"),
        _ => String::new(),
    };
    let why = ["reason", "last_outcome"].map(|field| text(change, field));
    let why = why.iter().find(|why| !why.is_empty()).map(|why| format!("  {why}")).unwrap_or_default();
    let (id, webhook) = (text(change, "id"), text(change, "webhook"));
    let (lead, trigger) = (lead(&change["lead"]), text(change, "trigger"));
    format!("{at}  {state}  {id}  {webhook}  {lead}  {trigger}{why}{due}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::terminal::Paper;

    fn told(name: &str, data: &Value, is_json: bool) -> String {
        let paper = Paper::default();
        let event = Event { name: name.to_owned(), data: data.to_string() };
        tell(&event, is_json, &mut Terminal::plain(paper.clone())).unwrap();
        paper.text()
    }

    #[test]
    fn a_change_is_a_line() {
        let change = json!({
            "id": "dlv_1", "webhook": "wh_1", "lead": { "site": "6", "type": "call", "id": "7" }, "created_at": "then",
            "trigger": "call_ended", "state": "retrying", "due": "soon", "last_outcome": "the handler answered 503",
        });
        let line = "then  retrying   dlv_1  wh_1  6/call/7  call_ended  the handler answered 503  due soon\n";
        assert_eq!(told("delivery", &change, false), line);
        assert_eq!(told("delivery", &change, true), format!("{change}\n"));
        let news = json!({ "at": "now", "kind": "handler_failing", "webhook": "wh_1", "detail": "it fails" });
        assert_eq!(told("notification", &news, false), "now  handler_failing  wh_1  it fails\n");
        assert_eq!(told("ready", &json!({}), true), "", "only what happens is told");
    }
}
