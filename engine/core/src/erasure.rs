//! Erasure of one client: who is meant, what is left of a lead and a delivery, and the certificate of it.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    delivery::{Delivery, State},
    event::words,
    extra::Extra,
    fact::Facts,
    fault::Faults,
    id::ErasureId,
    lead::{Decided, Lead},
    outcome::{Answer, Outcome},
    parameter::client::client_id,
    phone,
    qualify::Client,
    read::Reader,
    time::{Serial, Timestamp},
};

/// The most characters of a phone or an e-mail that is to be erased.
pub const CHARACTERS_MAX: usize = 1_024;
/// The most erasures of an account that are kept; the oldest that has ended goes first.
pub const ERASURES_KEPT_MAX: usize = 10_000;
/// The most erasures of an account that are under way at one time.
pub const RUNNING_MAX: usize = 100;
/// The reason in the place of any other, since those may quote what was sent or answered.
pub const REASON: &str = "erased with its client";

words! {
    /// By what a client is named.
    NamedBy {
        /// By phone.
        Phone "phone",
        /// By e-mail.
        Email "email",
    }
}

/// Who is to be erased (the contract, "Erasure").
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    named_by: NamedBy,
    clients: BTreeSet<Client>,
}

impl Subject {
    /// Reads `{"phone": …}` or `{"email": …}`. Refused, with every fault at once: neither or both, what names
    /// nobody, what is longer than [`CHARACTERS_MAX`], of another type or unknown.
    pub fn parse(value: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let subject = read(value, &mut reader);
        reader.finish(subject)
    }

    /// By what the client is named.
    pub fn named_by(&self) -> NamedBy {
        self.named_by
    }

    /// The ids of the client under the account's key: for a phone one for each way in which it may be kept.
    pub fn ids(&self, key: &[u8; 32]) -> Vec<String> {
        self.clients.iter().map(|client| id_of(client, key)).collect()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whom it names is in no log.
        f.debug_struct("Subject").field("named_by", &self.named_by).finish_non_exhaustive()
    }
}

fn read(value: &Value, reader: &mut Reader) -> Option<Subject> {
    let mut fields = reader.object(value, "")?;
    let (phone, email) = (fields.get_non_null("phone"), fields.get_non_null("email"));
    let subject = match (phone, email) {
        (Some(phone), None) => text(phone, "phone", reader).and_then(|text| {
            let clients: BTreeSet<_> =
                phone::kept_forms(text).iter().filter_map(|form| Client::by_phone(form)).collect();
            match clients.is_empty() {
                true => reader.fault("phone", "names_nobody", "a phone has digits"),
                false => Some(Subject { named_by: NamedBy::Phone, clients }),
            }
        }),
        (None, Some(email)) => text(email, "email", reader).and_then(|text| match Client::by_email(text) {
            Some(client) => Some(Subject { named_by: NamedBy::Email, clients: [client].into() }),
            None => reader.fault("email", "names_nobody", "an e-mail is not empty"),
        }),
        _ => reader.fault("", "one_of", "give either `phone` or `email`"),
    };
    fields.refuse_unknown(reader);
    subject
}

fn text<'a>(value: &'a Value, path: &str, reader: &mut Reader) -> Option<&'a str> {
    let text = reader.text(value, path)?;
    match text.chars().nth(CHARACTERS_MAX) {
        Some(_) => reader.fault(path, "too_long", format!("at most {CHARACTERS_MAX} characters")),
        None => Some(text),
    }
}

/// A client's id under the account's key; of a phone it is what `ctCallerId` is.
fn id_of(client: &Client, key: &[u8; 32]) -> String {
    let (Client::Phone(text) | Client::Email(text)) = client;
    client_id(text, key)
}

/// Whether a lead is of the client with one of these ids.
pub fn is_of(lead: &Lead, ids: &[String], key: &[u8; 32]) -> bool {
    Client::of(lead).iter().any(|client| ids.contains(&id_of(client, key)))
}

/// What is left of a version of a lead: how its source names it, its numbers and its times.
pub fn emptied_lead(lead: &Lead) -> Lead {
    Lead {
        facts: Facts::new(),
        pool_source: None,
        pool_medium: None,
        visits: Vec::new(),
        decided: Decided::default(),
        extra: Extra::new(),
        ..lead.clone()
    }
}

/// Takes out of a delivery all that was rendered, sent, answered and noted. How many bodies that were, of
/// requests and of answers.
pub fn empty_delivery(delivery: &mut Delivery) -> u64 {
    let mut bodies = delivery.renderings.len() as u64;
    delivery.renderings.clear();
    delivery.runs.clear();
    for attempt in &mut delivery.attempts {
        attempt.rendering = None;
        match &mut attempt.outcome {
            Outcome::Answered(answer) => {
                bodies += u64::from(!answer.body.is_empty());
                *answer = Answer { status: answer.status, ..Answer::default() };
            }
            Outcome::Broken { detail, .. } | Outcome::Withheld { detail, .. } => detail.clear(),
        }
    }
    match &mut delivery.state {
        State::Scheduled { .. } | State::Retrying { .. } | State::Delivered { .. } => {}
        State::Skipped { reason, .. } | State::Failed { reason, .. } | State::Cancelled { reason, .. } => {
            REASON.clone_into(reason);
        }
    }
    bodies
}

/// Whether an erasure goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It does.
    Running,
    /// Every lead was looked at.
    Done {
        /// When.
        at: Timestamp,
    },
}

/// What was erased so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Leads of the client.
    pub leads: u64,
    /// Versions of these leads.
    pub versions: u64,
    /// Deliveries of these leads, with those that were cancelled.
    pub deliveries: u64,
    /// Of these deliveries, those that were open and were cancelled.
    pub cancelled: u64,
    /// Bodies of requests and of answers.
    pub bodies: u64,
    /// Traces by which the client would be recognised.
    pub traces: u64,
}

/// An erasure as it stands; its certificate. It does not hold whom it erases, only the ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id, which tells when it was asked for.
    pub id: ErasureId,
    /// By what the client was named.
    pub named_by: NamedBy,
    /// The client's ids under the account's key, see [`Subject::ids`].
    pub clients: Vec<String>,
    /// Whether it goes on.
    pub phase: Phase,
    /// Every lead from this serial up to the id's was looked at: the newest go first.
    pub place: Serial,
    /// What was erased.
    pub counts: Counts,
}

impl Erasure {
    /// One that begins.
    pub fn new(id: ErasureId, named_by: NamedBy, clients: Vec<String>) -> Self {
        Self { id, named_by, clients, phase: Phase::Running, place: id.0, counts: Counts::default() }
    }

    /// Whether a lead is of its client, under the account's key.
    pub fn is_about(&self, lead: &Lead, key: &[u8; 32]) -> bool {
        is_of(lead, &self.clients, key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn faults(value: &Value) -> Vec<String> {
        let parsed = Subject::parse(value);
        parsed.err().map_or_else(Vec::new, |faults| {
            faults.0.into_iter().map(|fault| format!("{}: {}", fault.path, fault.code)).collect()
        })
    }

    #[test]
    fn a_phone_is_found_however_a_sites_country_had_it_kept() {
        let subject = Subject::parse(&json!({"phone": "8 (999) 000-00-01"})).unwrap();
        let mut ids = subject.ids(&KEY);
        let mut expected = ["79990000001", "89990000001"].map(|phone| client_id(phone, &KEY)).to_vec();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected);
        let whole = Subject::parse(&json!({"phone": "+7 999 000-00-01"})).unwrap();
        assert_eq!(whole.ids(&KEY), [client_id("79990000001", &KEY)]);
    }

    #[test]
    fn an_email_is_found_in_any_case() {
        let subject = Subject::parse(&json!({"email": " Anna@Site.example"})).unwrap();
        assert_eq!(subject.ids(&KEY), [client_id("anna@site.example", &KEY)]);
        assert!(!format!("{subject:?}").to_lowercase().contains("anna"), "{subject:?}");
    }

    #[test]
    fn what_names_nobody_is_refused() {
        assert_eq!(faults(&json!({})), [": one_of"]);
        assert_eq!(faults(&json!({"phone": "1", "email": "a@b.ru"})), [": one_of"]);
        assert_eq!(faults(&json!({"phone": "anonymous"})), ["phone: names_nobody"]);
        assert_eq!(faults(&json!({"email": " "})), ["email: names_nobody"]);
        assert_eq!(faults(&json!({"email": 1, "more": 2})), ["email: wrong_type", "more: unknown_field"]);
        assert_eq!(faults(&json!({"phone": "1".repeat(1_025)})), ["phone: too_long"]);
    }
}
