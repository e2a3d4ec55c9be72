//! A webhook as a receiver has it: decoded into parameters, its signature judged, its lines laid out.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use leadhook_core::{sign, time::Timestamp, webhook::SigningSecret};
use serde_json::Value;

use super::terminal::{pad, tame};

/// How far a timestamp may be from now before a receiver should refuse it, in seconds (Standard Webhooks 1.0).
const TOLERANCE_SECONDS: i64 = 300;
/// The widest that names are padded to; longer ones push their value to the right.
const NAME_CHARACTERS_MAX: usize = 24;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// GET, POST or anything else that came.
    pub(crate) method: Method,
    /// The path, without its query.
    pub(crate) path: String,
    /// The query as it stood after `?`; empty without one.
    pub(crate) query: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, whole.
    pub(crate) body: Bytes,
    /// The status it was answered with.
    pub(crate) answered: u16,
}

/// What a signature is worth to somebody who knows these secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// There is none.
    None,
    /// There is one, but no secret to check it with.
    Unchecked,
    /// Made with one of the secrets, over just this content.
    Valid,
    /// The same, but at another time than now: a receiver should take it for a replay.
    Old {
        /// How far off, in seconds.
        seconds: i64,
    },
    /// Not made with any of the secrets, or over other content.
    Wrong,
}

impl Received {
    /// A header's value as text; empty when it is not there or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The delivery's id, the same in every attempt; empty when the sender gave none.
    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Whether it is a probe of which no lead is to be made.
    pub(crate) fn is_test(&self) -> bool {
        self.header("webhook-test") == "true"
    }

    /// The parameters in the order in which they were sent: of the query for GET, else of the body.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let form = if self.method == Method::GET { self.query.as_bytes() } else { &self.body };
        url::form_urlencoded::parse(form).into_owned().collect()
    }

    /// Whether the body is the form that webhooks are sent as.
    pub(crate) fn is_form(&self) -> bool {
        self.method == Method::GET
            || self.header("content-type").starts_with("application/x-www-form-urlencoded")
    }

    /// The body as JSON, where it says that it is that and is.
    pub(crate) fn json(&self) -> Option<Value> {
        let is_json = self.header("content-type").starts_with("application/json");
        serde_json::from_slice(&self.body).ok().filter(|_| is_json)
    }

    /// Judges the signature by Standard Webhooks 1.0: over the body, or for GET over the query.
    pub(crate) fn signature(&self, secrets: &[SigningSecret], now: Timestamp) -> Signature {
        let header = self.header("webhook-signature");
        if header.is_empty() {
            return Signature::None;
        }
        if secrets.is_empty() {
            return Signature::Unchecked;
        }
        let content = if self.method == Method::GET { self.query.as_bytes() } else { &self.body };
        let Ok(seconds) = self.header("webhook-timestamp").parse::<i64>() else { return Signature::Wrong };
        let by = |secret| sign::verify(secret, self.webhook_id(), seconds, content, header);
        let off = now.unix_seconds().saturating_sub(seconds).saturating_abs();
        match secrets.iter().any(by) {
            true if off > TOLERANCE_SECONDS => Signature::Old { seconds: off },
            true => Signature::Valid,
            false => Signature::Wrong,
        }
    }
}

/// One parameter as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// One pair.
    One {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The pairs `name[0][field]`, by index.
    List {
        /// The name before the brackets.
        name: String,
        /// Field and value of each record.
        records: BTreeMap<u32, Vec<(String, String)>>,
    },
}

impl Entry {
    /// The parameter's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::One { name, .. } | Self::List { name, .. } => name,
        }
    }
}

/// Puts the pairs of each list together, at the place of its first pair.
pub(crate) fn entries(pairs: &[(String, String)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in pairs {
        let Some((list, index, field)) = element(name) else {
            entries.push(Entry::One { name: name.clone(), value: value.clone() });
            continue;
        };
        let at = *lists.entry(list).or_insert_with(|| {
            entries.push(Entry::List { name: list.to_owned(), records: BTreeMap::new() });
            entries.len() - 1
        });
        if let Some(Entry::List { records, .. }) = entries.get_mut(at) {
            records.entry(index).or_default().push((field.to_owned(), value.clone()));
        }
    }
    entries
}

/// The parts of `name[0][field]`.
fn element(name: &str) -> Option<(&str, u32, &str)> {
    let (list, rest) = name.split_once('[')?;
    let (index, field) = rest.split_once("][")?;
    let field = field.strip_suffix(']').filter(|field| !field.contains(['[', ']']))?;
    Some((list, index.parse().ok()?, field))
}

/// The entries as lines: `name  = value`, the equals signs below one another, lists indented.
pub(crate) fn lines(entries: &[Entry]) -> Vec<String> {
    let names = entries.iter().map(|entry| entry.name().chars().count());
    let width = names.filter(|width| *width <= NAME_CHARACTERS_MAX).max().unwrap_or(0);
    let mut lines = Vec::new();
    for entry in entries {
        match entry {
            Entry::One { name, value } => {
                lines.push(format!("{} = {}", pad(&tame(name), width), tame(value)));
            }
            Entry::List { name, records } => {
                lines.push(tame(name).into_owned());
                records.iter().for_each(|(index, fields)| record(*index, fields, &mut lines));
            }
        }
    }
    lines
}

fn record(index: u32, fields: &[(String, String)], lines: &mut Vec<String>) {
    let width = fields.iter().map(|(field, _)| field.chars().count()).max().unwrap_or(0);
    let mark = format!("  [{index}] ");
    for (position, (field, value)) in fields.iter().enumerate() {
        let lead = if position == 0 { mark.clone() } else { " ".repeat(mark.len()) };
        lines.push(format!("{lead}{} = {}", pad(&tame(field), width), tame(value)));
    }
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
