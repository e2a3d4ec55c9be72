//! Accounts: who they are to the engine, what they may use of it, and what they are called by.

pub mod key;
pub mod quotas;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::words,
    fault::Faults,
    read::{Fields, Reader},
    time::Timestamp,
};
use quotas::Quotas;

/// The most accounts of one engine.
pub const ACCOUNTS_MAX: usize = 10_000;
/// The most characters of an account's or a key's name.
pub const NAME_CHARACTERS_MAX: usize = 100;

words! {
    /// How an account stands.
    AccountState {
        /// All is done for it.
        Active "active",
        /// It takes nothing in and changes nothing; it reads, and what it owes is sent.
        Suspended "suspended",
        /// Its keys open nothing, and nothing is sent; what it has is kept.
        Closed "closed",
    }
}

/// On which terms an account is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When the account was made; `None` for one that an empty folder began with.
    pub made_at: Option<Timestamp>,
    /// How it stands.
    pub state: AccountState,
    /// What it may use.
    pub quotas: Quotas,
}

impl Default for Terms {
    fn default() -> Self {
        Self { made_at: None, state: AccountState::Active, quotas: Quotas::default() }
    }
}

/// A new account, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, which no other account has.
    pub name: String,
    /// What it may use.
    pub quotas: Quotas,
}

impl Wanted {
    /// Reads it from JSON: `name`, and `quotas` where they are not the usual ones.
    pub fn parse(input: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let read = |reader: &mut Reader| {
            let mut fields = reader.object(input, "")?;
            let name = fields.required(reader, "name").and_then(|value| name(reader, value, "name"));
            let mut quotas = Quotas::default();
            let read = quotas_of(reader, &mut fields, &mut quotas);
            fields.refuse_unknown(reader);
            read?;
            Some(Self { name: name?, quotas })
        };
        let wanted = read(&mut reader);
        reader.finish(wanted)
    }
}

/// What is to change of an account: what is left out stays as it is (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Its new name.
    pub name: Option<String>,
    /// How it is to stand.
    pub state: Option<AccountState>,
    quotas: Option<Value>,
}

impl Change {
    /// Reads it from JSON: any of `name`, `state` and `quotas`; a quota that is `null` becomes the usual one.
    pub fn parse(input: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let read = |reader: &mut Reader| {
            let mut fields = reader.object(input, "")?;
            let name = fields.get_non_null("name").map(|value| name(reader, value, "name"));
            let state = fields.get_non_null("state").map(|value| state(reader, value));
            let read = quotas_of(reader, &mut fields, &mut Quotas::default());
            let quotas = fields.get_non_null("quotas").cloned();
            fields.refuse_unknown(reader);
            read?;
            Some(Self { name: name.transposed()?, state: state.transposed()?, quotas })
        };
        let change = read(&mut reader);
        reader.finish(change)
    }

    /// The terms after it, and the names of what is other than before.
    pub fn apply(&self, name: &str, terms: &Terms) -> (Terms, Vec<String>) {
        let mut after = terms.clone();
        after.state = self.state.unwrap_or(terms.state);
        let mut reader = Reader::default();
        if let Some(quotas) = &self.quotas {
            after.quotas.read(&mut reader, quotas, "quotas");
        }
        let mut changed = terms.quotas.differing(&after.quotas);
        if after.state != terms.state {
            changed.insert(0, "state".to_owned());
        }
        if self.name.as_ref().is_some_and(|new| new != name) {
            changed.insert(0, "name".to_owned());
        }
        (after, changed)
    }
}

trait Transposed<T> {
    /// `None` only where something was there and is wrong.
    fn transposed(self) -> Option<Option<T>>;
}

impl<T> Transposed<T> for Option<Option<T>> {
    fn transposed(self) -> Option<Option<T>> {
        match self {
            None => Some(None),
            Some(read) => read.map(Some),
        }
    }
}

fn quotas_of(reader: &mut Reader, fields: &mut Fields<'_, '_>, quotas: &mut Quotas) -> Option<()> {
    match fields.get_non_null("quotas") {
        Some(given) => quotas.read(reader, given, "quotas"),
        None => Some(()),
    }
}

/// A name of 1 to [`NAME_CHARACTERS_MAX`] characters without control characters and spaces around.
pub fn name(reader: &mut Reader, value: &Value, path: &str) -> Option<String> {
    let text = reader.text(value, path)?;
    let is_fit = (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control);
    match is_fit {
        true => Some(text.to_owned()),
        false => {
            let detail = format!(
                "a name has 1 to {NAME_CHARACTERS_MAX} characters, none of them a control character, and no \
                 spaces around it"
            );
            reader.fault(path, "bad_name", detail)
        }
    }
}

fn state(reader: &mut Reader, value: &Value) -> Option<AccountState> {
    let text = reader.text(value, "state")?;
    AccountState::by_word(text)
        .or_else(|| reader.fault("state", "unknown_value", "a state is `active`, `suspended` or `closed`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_account_is_read_with_its_quotas() {
        let wanted = Wanted::parse(&json!({"name": "Agency", "quotas": {"webhooks": 3}})).unwrap();
        assert_eq!((wanted.name.as_str(), wanted.quotas.webhooks), ("Agency", 3));
        let faults = Wanted::parse(&json!({"name": " ", "quotas": {"weight": 0}, "id": 1})).unwrap_err();
        let told: Vec<_> = faults.0.iter().map(|fault| (fault.path.as_str(), fault.code.as_str())).collect();
        assert_eq!(told, [("name", "bad_name"), ("quotas.weight", "out_of_range"), ("id", "unknown_field")]);
    }

    #[test]
    fn a_change_changes_what_it_names() {
        let change = json!({"state": "suspended", "quotas": {"events_per_second": 5, "webhooks": null}});
        let mut terms = Terms::default();
        terms.quotas.webhooks = 7;
        terms.quotas.plugins = 8;
        let (after, changed) = Change::parse(&change).unwrap().apply("a", &terms);
        assert_eq!(after.state, AccountState::Suspended);
        let quotas = &after.quotas;
        assert_eq!((quotas.events_per_second, quotas.plugins), (Some(5), 8));
        assert_eq!(quotas.webhooks, Quotas::default().webhooks);
        assert_eq!(changed, ["state", "quotas.events_per_second", "quotas.webhooks"]);
        assert!(Change::parse(&json!({})).unwrap().apply("a", &terms).1.is_empty());
        for bad in [json!({"state": "gone"}), json!({"quotas": 1}), json!({"name": 1}), json!({"x": 1})] {
            assert!(Change::parse(&bad).is_err(), "{bad}");
        }
    }
}
