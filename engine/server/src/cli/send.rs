//! `leadhook send`: events from files to an engine, and what became of each.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use leadhook_core::{
    address::AddressPolicy,
    delivery::{Method, Request},
    outcome::{Answer, BrokenKind, Outcome},
};
use leadhook_courier::{Courier, CourierSettings};
use serde_json::Value;
use url::Url;

use super::{
    failure::{Exit, Failure},
    files::events_in,
    terminal::{Style, Terminal, complain, count, pad, shorten, tame},
};
use crate::config::{Environment, KEY_ENVIRONMENT, OPERATOR_KEY_ENVIRONMENT};

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
    /// The engine's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The account's API key; better given by file or environment, where other users do not see it
    #[arg(long)]
    key: Option<String>,
    /// A file that holds the account's API key
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
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
    let server = Server::new(&options, &Environment::of_process())?;
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
    fn new(options: &Options, environment: &Environment) -> anyhow::Result<Self> {
        let url = Url::parse(&options.server)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .with_context(|| {
                format!("--server {}: expected a URL like http://127.0.0.1:8080", options.server)
            })?;
        // The user names the engine, on this machine or anywhere.
        let settings = CourierSettings { addresses: everywhere(), ..CourierSettings::default() };
        Ok(Self {
            courier: Courier::new(settings)?,
            url: format!("{}/v1/events", url.as_str().trim_end_matches('/')),
            authorization: format!(
                "Bearer {}",
                key(Whose::Account, options.key.as_deref(), options.key_file.as_deref(), environment)?
            ),
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

/// Whose key a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// An account's.
    Account,
    /// The operator's.
    Operator,
}

impl Whose {
    /// What names the key in the environment.
    fn environment(self) -> &'static str {
        match self {
            Self::Account => KEY_ENVIRONMENT,
            Self::Operator => OPERATOR_KEY_ENVIRONMENT,
        }
    }

    /// Where an engine on this machine keeps its first key, unless told otherwise.
    fn file(self) -> &'static str {
        match self {
            Self::Account => "leadhook-data/api-key",
            Self::Operator => "leadhook-data/operator-key",
        }
    }
}

/// The key from the first place that has one.
pub(super) fn key(
    whose: Whose,
    by_hand: Option<&str>,
    key_file: Option<&Path>,
    environment: &Environment,
) -> anyhow::Result<String> {
    let from_file = |file: &Path| {
        let unreadable =
            || Failure::new(Exit::NotAllowed, format!("the key file {} cannot be read", file.display()));
        fs::read_to_string(file).map(|key| key.trim().to_owned()).with_context(unreadable)
    };
    let (name, default) = (whose.environment(), whose.file());
    match (by_hand, key_file, environment.get(name)) {
        (Some(key), ..) => Ok(key.to_owned()),
        (None, Some(file), _) => from_file(file),
        (None, None, Some(key)) => Ok(key.to_owned()),
        (None, None, None) => from_file(Path::new(default)).with_context(|| {
            let file = default.rsplit('/').next().unwrap_or(default);
            let words = match whose {
                Whose::Account => "no API key",
                Whose::Operator => "no operator's key",
            };
            let words =
                format!("{words}: give --key-file FILE (the engine keeps it in DIR/{file}) or set {name}");
            Failure::new(Exit::NotAllowed, words)
        }),
    }
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

    fn options(key: Option<&str>, key_file: Option<&Path>) -> Options {
        Options {
            files: Vec::new(),
            server: "http://127.0.0.1:8080/".to_owned(),
            key: key.map(str::to_owned),
            key_file: key_file.map(Path::to_owned),
        }
    }

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

    #[test]
    fn a_key_given_by_hand_stands_over_the_file_and_that_over_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "from-file\n").unwrap();
        let environment = Environment::from([("LEADHOOK_API_KEY", "from-environment")]);
        let of = |by_hand, by_file| key(Whose::Account, by_hand, by_file, &environment).unwrap();
        assert_eq!(of(Some("by-hand"), Some(file.path())), "by-hand");
        assert_eq!(of(None, Some(file.path())), "from-file");
        assert_eq!(of(None, None), "from-environment");
        let missing = key(Whose::Account, None, Some(Path::new("/no/such/key")), &environment).unwrap_err();
        assert!(missing.to_string().contains("/no/such/key"));
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_gets_a_hint() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let options = Options { server, ..options(Some("key"), None) };
        let server = Server::new(&options, &Environment::default()).unwrap();
        let told = server.post(&[json!({})]).await.unwrap_err().to_string();
        assert!(told.contains("is `leadhook serve` running there?"), "{told}");
    }

    #[test]
    fn the_end_says_how_it_went_in_all() {
        let tally = Tally { accepted: 3, deliveries: 1, refused: 1, unreadable: 0 };
        assert_eq!(summary(&tally), "3 events accepted, 1 delivery owed, 1 event refused");
    }
}
