//! `leadhook send`: events from files to an engine, and what became of each.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use leadhook_core::{
    address::AddressPolicy,
    delivery::{Method, Request},
    outcome::{Answer, BrokenKind, Outcome},
};
use leadhook_courier::{Courier, CourierSettings};
use serde_json::Value;

use super::{
    access::{Endpoint, Whose},
    failure::{Exit, Failure},
    files::events_in,
    terminal::{Style, Terminal, complain, count, pad, shorten, tame},
};
use crate::config::Environment;

/// How many events go in one request: so few that what became of them all is read (64 KiB) even if all are refused.
const EVENTS_PER_REQUEST: usize = 20;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most characters of a lead's id that are shown.
const ID_CHARACTERS_MAX: usize = 24;

/// What is sent, where to, and by whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files with events: one, an array, or one a line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// How it went in all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    deliveries: u64,
    refused: usize,
    unreadable: usize,
}

/// Sends file by file; fails when any event was refused or any file could not be read.
pub(crate) async fn run(options: Options, mut terminal: Terminal) -> anyhow::Result<ExitCode> {
    let server = Server::new(&options.endpoint, &Environment::of_process())?;
    let mut tally = Tally::default();
    for file in &options.files {
        terminal.line(terminal.paint(Style::Bold, tame(&file.display().to_string())))?;
        let events = match events_in(file) {
            Ok(events) => events,
            Err(error) => {
                complain(format!("  error: {error:#}"));
                tally.unreadable += 1;
                continue;
            }
        };
        for batch in events.chunks(EVENTS_PER_REQUEST) {
            let fates = server.post(batch).await?;
            for (event, fate) in batch.iter().zip(&fates) {
                tell(event, fate, &mut tally, &mut terminal)?;
            }
        }
    }
    terminal.gap()?;
    terminal.line(summary(&tally))?;
    Ok(if tally.refused + tally.unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(tally: &Tally) -> String {
    let deliveries = usize::try_from(tally.deliveries).unwrap_or(usize::MAX);
    let mut summary =
        format!("{} accepted, {} owed", count(tally.accepted, "event"), count(deliveries, "delivery"));
    if tally.refused > 0 {
        summary.push_str(&format!(", {} refused", count(tally.refused, "event")));
    }
    if tally.unreadable > 0 {
        summary.push_str(&format!(", {} not read", count(tally.unreadable, "file")));
    }
    summary
}

/// An engine, and the right to send to it.
struct Server {
    courier: Courier,
    url: String,
    authorization: String,
}

impl Server {
    fn new(endpoint: &Endpoint, environment: &Environment) -> anyhow::Result<Self> {
        // The user names the engine, on this machine or anywhere.
        let settings = CourierSettings { addresses: everywhere(), ..CourierSettings::default() };
        Ok(Self {
            courier: Courier::new(settings)?,
            url: format!("{}/v1/events", endpoint.url()?.as_str().trim_end_matches('/')),
            authorization: format!("Bearer {}", endpoint.key(Whose::Account, environment)?),
        })
    }

    /// What became of each of these events.
    async fn post(&self, events: &[Value]) -> anyhow::Result<Vec<Fate>> {
        let request = Request {
            method: Method::Post,
            url: self.url.clone(),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), self.authorization.clone()),
            ],
            body: serde_json::to_vec(events)?,
        };
        match self.courier.send(&request, &[], TIMEOUT).await {
            Outcome::Answered(answer) => fates(&answer, events.len()),
            Outcome::Broken { kind, detail, .. } => {
                let hint = match kind {
                    BrokenKind::ConnectionRefused => {
                        "; is `leadhook serve` running there? Another address: --server URL"
                    }
                    _ => "",
                };
                let words = format!("{} is not reached: {}: {detail}{hint}", self.url, kind.in_words());
                Err(Failure::new(Exit::NotReached, words).into())
            }
            withheld @ Outcome::Withheld { .. } => bail!("{} is not asked: {}", self.url, withheld.summary()),
        }
    }
}

/// Lets every address through.
pub(super) fn everywhere() -> AddressPolicy {
    let blocks = ["0.0.0.0/0", "::/0"].map(|block| block.parse().expect("a block of all addresses"));
    AddressPolicy::new(blocks.to_vec())
}

/// What became of one event.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Accepted {
        id: String,
        deliveries: u64,
    },
    /// What is wrong, one line for each fault.
    Refused(Vec<String>),
}

/// Reads the engine's answer: a list with one element for each event, also where all were refused (422).
fn fates(answer: &Answer, expected: usize) -> anyhow::Result<Vec<Fate>> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let detail = body["detail"].as_str().unwrap_or("no reason was given");
    match (answer.status, body["events"].as_array()) {
        (202 | 422, Some(events)) if events.len() == expected => Ok(events.iter().map(fate).collect()),
        (422, None) if expected == 1 => Ok(vec![Fate::Refused(faults(&body))]),
        (401 | 403, _) => {
            let words = format!("the engine does not take this key: {detail}");
            Err(Failure::new(Exit::NotAllowed, words).into())
        }
        (429 | 503, _) => {
            let words = format!("the engine takes no events now, try again later: {detail}");
            Err(Failure::new(Exit::NotReached, words).into())
        }
        (404 | 405, _) => bail!("there is no leadhook at this address (status {})", answer.status),
        (status, _) => bail!("the engine answered {status}: {detail}"),
    }
}

fn fate(event: &Value) -> Fate {
    match event.get("error") {
        Some(error) => Fate::Refused(faults(error)),
        None => Fate::Accepted {
            id: event["id"].as_str().unwrap_or_default().to_owned(),
            deliveries: event["deliveries"].as_u64().unwrap_or(0),
        },
    }
}

fn faults(error: &Value) -> Vec<String> {
    let line = |fault: &Value| match (fault["path"].as_str(), fault["detail"].as_str()) {
        (Some(path), Some(detail)) if !path.is_empty() => format!("{path}: {detail}"),
        (_, detail) => detail.unwrap_or("no reason was given").to_owned(),
    };
    match error["errors"].as_array() {
        Some(faults) if !faults.is_empty() => faults.iter().map(line).collect(),
        _ => vec![line(error)],
    }
}

fn tell(event: &Value, fate: &Fate, tally: &mut Tally, terminal: &mut Terminal) -> io::Result<()> {
    let text = |value: &Value| match value {
        Value::String(text) => shorten(&tame(text), ID_CHARACTERS_MAX).into_owned(),
        Value::Number(number) => number.to_string(),
        _ => "?".to_owned(),
    };
    let lead = format!("{} {}", text(&event["lead"]["type"]), text(&event["lead"]["id"]));
    let what = format!("  {}  {}", pad(&text(&event["type"]), 21), pad(&lead, 28));
    match fate {
        Fate::Accepted { id, deliveries } => {
            tally.accepted += 1;
            tally.deliveries += deliveries;
            let owed = count(usize::try_from(*deliveries).unwrap_or(usize::MAX), "delivery");
            let id = terminal.paint(Style::Dim, tame(id));
            terminal.line(format!("{what}  {}  {owed} owed  {id}", terminal.paint(Style::Green, "accepted")))
        }
        Fate::Refused(faults) => {
            tally.refused += 1;
            terminal.line(format!("{what}  {}", terminal.paint(Style::Red, "refused")))?;
            faults.iter().try_for_each(|fault| terminal.line(format!("      {}", tame(fault))))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, body: body.to_string().into_bytes(), ..Answer::default() }
    }

    #[test]
    fn what_became_of_each_event_is_read_in_order() {
        let error = json!({ "code": "unknown_lead", "detail": "no such lead",
            "errors": [{ "path": "lead.id", "code": "unknown_lead", "detail": "no such lead" }] });
        let body = json!({ "events": [{ "id": "e1", "deliveries": 2 }, { "id": "e2", "error": error }] });
        let accepted = Fate::Accepted { id: "e1".to_owned(), deliveries: 2 };
        let refused = Fate::Refused(vec!["lead.id: no such lead".to_owned()]);
        assert_eq!(fates(&answer(202, &body), 2).unwrap(), [accepted, refused]);
        assert!(fates(&answer(202, &body), 3).is_err(), "an answer about other events");

        let single = json!({ "detail": "wrong", "errors": [
            { "path": "time", "detail": "`time` is required" }, { "path": "", "detail": "too long" }] });
        let told = vec!["time: `time` is required".to_owned(), "too long".to_owned()];
        assert_eq!(fates(&answer(422, &single), 1).unwrap(), [Fate::Refused(told)]);
    }

    #[test]
    fn answers_that_are_not_about_events_are_told_in_words() {
        let told =
            |status| fates(&answer(status, &json!({ "detail": "so it is" })), 1).unwrap_err().to_string();
        assert!(told(401).contains("does not take this key: so it is"));
        assert!(told(503).contains("try again later"));
        assert!(told(404).contains("no leadhook at this address"));
        let garbage = Answer { status: 500, body: b"<html>".to_vec(), ..Answer::default() };
        assert!(fates(&garbage, 1).unwrap_err().to_string().contains("500"));
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_gets_a_hint() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let endpoint = Endpoint { server, key: Some("key".to_owned()), key_file: None };
        let server = Server::new(&endpoint, &Environment::default()).unwrap();
        let told = server.post(&[json!({})]).await.unwrap_err().to_string();
        assert!(told.contains("is `leadhook serve` running there?"), "{told}");
    }

    #[test]
    fn the_end_says_how_it_went_in_all() {
        let tally = Tally { accepted: 3, deliveries: 1, refused: 1, unreadable: 0 };
        assert_eq!(summary(&tally), "3 events accepted, 1 delivery owed, 1 event refused");
    }
}
