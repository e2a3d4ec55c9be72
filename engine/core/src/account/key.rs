//! API keys: how they are written, what they open, and until when.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::name;
use crate::{
    event::words,
    fault::Faults,
    id::{AccountId, base32},
    read::Reader,
    time::Timestamp,
};

/// The most keys of one account.
pub const KEYS_MAX: usize = 100;
/// What an account's keys begin with, so that scanners know one that got into a repository.
const PREFIX: &str = "lh_";
/// What the operator's keys begin with.
const OPERATOR_PREFIX: &str = "lho_";
/// How many bytes of a key are random.
pub const SECRET_BYTES: usize = 25;
/// How many bytes of checksum follow them.
const CHECKSUM_BYTES: usize = 5;

words! {
    /// What a key opens.
    Scope {
        /// To take events in.
        Events "events",
        /// To read all that the account has.
        Read "read",
        /// To change it.
        Manage "manage",
    }
}

/// A key's id: a random number. Shown as `key_` and 13 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key_{}", base32().encode(&self.0.to_be_bytes()))
    }
}

/// The text is not a key's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key's id is `key_` and 13 letters and digits")]
pub struct NotAKeyId;

impl FromStr for KeyId {
    type Err = NotAKeyId;
    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        text.strip_prefix("key_").and_then(read_id).ok_or(NotAKeyId)
    }
}

fn read_id(text: &str) -> Option<KeyId> {
    let bytes: [u8; 8] = base32().decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(KeyId(u64::from_be_bytes(bytes)))
}

/// A key, without what opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// The account that it speaks for.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What it opens, each once.
    pub scopes: Vec<Scope>,
    /// When it was made; `None` for one that came with the data folder.
    pub made_at: Option<Timestamp>,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// Whether it opens what needs this scope.
    pub fn opens(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A key as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What people call it.
    pub name: String,
    /// What it is to open: all unless given.
    pub scopes: Vec<Scope>,
    /// From when on it is to open nothing; never unless given.
    pub expires_at: Option<Timestamp>,
}

impl Wanted {
    /// Reads it from JSON: `name`, and where given `scopes` and `expires_at`, which is later than `now`.
    pub fn parse(input: &Value, now: Timestamp) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let read = |reader: &mut Reader| {
            let mut fields = reader.object(input, "")?;
            let name = fields.required(reader, "name").and_then(|value| name(reader, value, "name"));
            let scopes = fields
                .get_non_null("scopes")
                .map_or(Some(Scope::ALL.to_vec()), |given| scopes(reader, given));
            let expires_at = fields.get_non_null("expires_at").map_or(Some(None), |given| {
                let at = reader.time(given, "expires_at")?;
                match at > now {
                    true => Some(Some(at)),
                    false => reader.fault("expires_at", "in_the_past", "a key expires at a time to come"),
                }
            });
            fields.refuse_unknown(reader);
            Some(Self { name: name?, scopes: scopes?, expires_at: expires_at? })
        };
        let wanted = read(&mut reader);
        reader.finish(wanted)
    }
}

fn scopes(reader: &mut Reader, given: &Value) -> Option<Vec<Scope>> {
    let mut scopes = Vec::new();
    for (place, word) in reader.array(given, "scopes", Scope::ALL.len())?.iter().enumerate() {
        let path = format!("scopes[{place}]");
        let scope = Scope::by_word(reader.text(word, &path)?);
        let Some(scope) = scope else {
            return reader.fault(path, "unknown_value", "a scope is `events`, `read` or `manage`");
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    match scopes.is_empty() {
        true => reader.fault("scopes", "empty", "a key without a scope opens nothing"),
        false => Some(scopes),
    }
}

/// A key that was made now: its text is shown once.
pub fn account_key(id: KeyId, random: &[u8; SECRET_BYTES]) -> String {
    sealed(format!("{PREFIX}{}_", base32().encode(&id.0.to_be_bytes())), random)
}

/// An operator's key that was made now.
pub fn operator_key(random: &[u8; SECRET_BYTES]) -> String {
    sealed(OPERATOR_PREFIX.to_owned(), random)
}

/// The id in an account's key, where the text is a whole key: a mistyped or cut one is known without looking it up.
pub fn id_of(key: &str) -> Option<KeyId> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    let bytes = base32().decode(secret.as_bytes()).ok()?;
    let (random, sum) = bytes.split_at_checked(SECRET_BYTES)?;
    let opening = &key[..PREFIX.len() + id.len() + 1];
    (sum == checksum(opening, random)).then(|| read_id(id)).flatten()
}

fn sealed(opening: String, random: &[u8; SECRET_BYTES]) -> String {
    let mut secret = random.to_vec();
    secret.extend(checksum(&opening, random));
    opening + &base32().encode(&secret)
}

fn checksum(opening: &str, random: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let sum = Sha256::new().chain_update(opening).chain_update(random).finalize();
    std::array::from_fn(|place| sum[place])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_tells_its_id_and_a_mistyped_one_does_not() {
        let id = KeyId(0x0123_4567_89ab_cdef);
        let key = account_key(id, &[7; SECRET_BYTES]);
        assert_eq!(key.len(), 3 + 13 + 1 + 48);
        assert_eq!(id_of(&key), Some(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        for place in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
            assert_eq!(id_of(&String::from_utf8(bytes).unwrap()), None, "{place}");
        }
        for other in ["", "lh_", "lh__", &key[..key.len() - 1], "lhk_0123456789abcdef", "lh_é_é"] {
            assert_eq!(id_of(other), None, "{other}");
        }
        assert!(operator_key(&[7; SECRET_BYTES]).starts_with("lho_"));
    }

    #[test]
    fn a_key_is_asked_for_with_a_name_and_opens_all_unless_told() {
        let now = Timestamp::from_rfc3339("2026-03-02T10:00:00Z").unwrap();
        let wanted = Wanted::parse(&json!({"name": "site"}), now).unwrap();
        assert_eq!((wanted.scopes.len(), wanted.expires_at), (3, None));
        let few =
            json!({"name": "site", "scopes": ["events", "events"], "expires_at": "2026-03-03T00:00:00Z"});
        assert_eq!(Wanted::parse(&few, now).unwrap().scopes, [Scope::Events]);
        let bad = json!({"name": "", "scopes": ["all"], "expires_at": "2026-03-02T10:00:00Z", "x": 1});
        let faults = Wanted::parse(&bad, now).unwrap_err();
        let codes: Vec<_> = faults.0.iter().map(|fault| fault.code.as_str()).collect();
        assert_eq!(codes, ["bad_name", "unknown_value", "in_the_past", "unknown_field"]);
        assert!(Wanted::parse(&json!({"name": "a", "scopes": []}), now).is_err());
    }

    #[test]
    fn a_key_opens_its_scopes_until_it_expires() {
        let at = Timestamp(1_000);
        let key = Key {
            id: KeyId(1),
            account: AccountId::DEFAULT,
            name: "site".to_owned(),
            scopes: vec![Scope::Read],
            made_at: None,
            expires_at: Some(at),
        };
        assert!(key.opens(Scope::Read) && !key.opens(Scope::Manage) && !key.opens(Scope::Events));
        assert!(!key.has_expired(at.plus_ms(-1)) && key.has_expired(at));
    }
}
