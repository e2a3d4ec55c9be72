//! Reads the chain of plugins and scripts that a request passes.

use serde_json::{Map, Value};

use super::{Known, choice, each, or, text};
use crate::{
    fact::shorten,
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
    let name = name.and_then(|value| plugin(value, &format!("{path}.plugin"), known, reader));
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
            text(item, path, 1..=NAME_CHARACTERS_MAX, reader)
        })
    });
    let on_error = or(fields.get_non_null("on_error"), OnError::Retry, |value| {
        choice(value, &format!("{path}.on_error"), OnError::ALL, reader)
    });
    fields.refuse_unknown(reader);
    Some(Link { plugin: name?, config: config?, secrets: secrets?, on_error: on_error? })
}

/// A plugin by its name, or by `name@` and the SHA-256 of one version in lower-case hex.
pub(super) fn plugin(
    value: &Value,
    path: &str,
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
    if known.is_some_and(|known| !known.plugins.contains(name)) {
        let detail = format!("there is no plugin `{}`; GET /v1/plugins lists them", shorten(name));
        return reader.fault(path, "unknown_plugin", detail);
    }
    Some(whole)
}
