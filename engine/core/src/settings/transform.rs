//! Reads the chain of plugins and scripts that a request passes.

use serde_json::{Map, Value};

use super::{Known, choice, each, or, text};
use crate::{
    fact::shorten,
    plugin::Exports,
    read::Reader,
    webhook::{Link, OnError},
};

/// The most links that a chain may have.
const LINKS_MAX: usize = 10;
/// The most bytes a link's configuration may have as JSON text.
const CONFIG_BYTES_MAX: usize = 16 * 1024;
/// The most secrets that a link may be granted.
const SECRETS_MAX: usize = 20;
/// The most characters a plugin's or a secret's name may have.
const NAME_CHARACTERS_MAX: usize = 200;

pub(super) fn read(value: &Value, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<Vec<Link>> {
    each(value, "transform", LINKS_MAX, reader, |item, path, reader| link(item, path, known, reader))
}

fn link(value: &Value, path: &str, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<Link> {
    let mut fields = reader.object(value, path)?;
    let name = fields.required(reader, "plugin");
    let name = name.and_then(|value| plugin(value, &format!("{path}.plugin"), Use::Transform, known, reader));
    let config = or(fields.get_non_null("config"), Value::Object(Map::new()), |value| {
        let bytes = value.to_string().len();
        if bytes > CONFIG_BYTES_MAX {
            let detail = format!("{bytes} bytes, at most {CONFIG_BYTES_MAX} are allowed");
            return reader.fault(format!("{path}.config"), "too_long", detail);
        }
        Some(value.clone())
    });
    let secrets = or(fields.get_non_null("secrets"), Vec::new(), |value| {
        each(value, &format!("{path}.secrets"), SECRETS_MAX, reader, |item, path, reader| {
            secret(item, path, known, reader)
        })
    });
    let on_error = or(fields.get_non_null("on_error"), OnError::Retry, |value| {
        choice(value, &format!("{path}.on_error"), OnError::ALL, reader)
    });
    fields.refuse_unknown(reader);
    Some(Link { plugin: name?, config: config?, secrets: secrets?, on_error: on_error? })
}

/// What a plugin is named for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// To filter or to rewrite.
    Transform,
    /// To judge answers.
    Receipt,
}

/// A plugin by its name, or by `name@` and the SHA-256 of one version in lower-case hex.
pub(super) fn plugin(
    value: &Value,
    path: &str,
    used: Use,
    known: Option<&Known<'_>>,
    reader: &mut Reader,
) -> Option<String> {
    let whole = text(value, path, 1..=NAME_CHARACTERS_MAX, reader)?;
    let name = match whole.split_once('@') {
        None => whole.as_str(),
        Some((name, hash)) => {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if hash.len() != 64 || !hash.bytes().all(is_hex) {
                let detail = "a version is pinned by `name@` and its SHA-256, 64 lower-case hex digits";
                return reader.fault(path, "bad_plugin", detail);
            }
            name
        }
    };
    let Some(account) = known.and_then(|known| known.account) else { return Some(whole) };
    let shown = shorten(name);
    let fault = match account.plugins.get(&whole) {
        None if account.plugins.contains_key(name) => {
            let detail =
                format!("`{shown}` has no such version; GET /v1/plugins/{shown}/versions lists them");
            Some(("unknown_version", detail))
        }
        None => Some(("unknown_plugin", format!("there is no plugin `{shown}`; GET /v1/plugins lists them"))),
        Some(exports) => unfit(*exports, used).map(|(code, lacks)| (code, format!("`{shown}` {lacks}"))),
    };
    match fault {
        Some((code, detail)) => reader.fault(path, code, detail),
        None => Some(whole),
    }
}

/// Why a plugin cannot do what it is named for.
fn unfit(exports: Exports, used: Use) -> Option<(&'static str, &'static str)> {
    match used {
        Use::Transform if !exports.filter && !exports.transform => Some((
            "plugin_without_transform",
            "has neither a filter nor a transform, so a chain has no use for it; `success` may name it",
        )),
        Use::Receipt if !exports.receipt => {
            Some(("plugin_without_receipt", "has no receipt, so it cannot judge answers"))
        }
        _ => None,
    }
}

/// A secret by its name.
fn secret(value: &Value, path: &str, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<String> {
    let name = text(value, path, 1..=NAME_CHARACTERS_MAX, reader)?;
    let account = known.and_then(|known| known.account);
    if account.is_some_and(|account| !account.secrets.contains(&name)) {
        let shown = shorten(&name);
        let detail = format!("there is no secret `{shown}`; PUT /v1/secrets/{shown} sets one");
        return reader.fault(path, "unknown_secret", detail);
    }
    Some(name)
}
