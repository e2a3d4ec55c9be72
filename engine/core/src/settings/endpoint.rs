//! Reads where a webhook sends to, and what its requests carry besides the lead: headers and signatures.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::{Known, each};
use crate::{
    address::{AddressPolicy, UrlFault, check_url},
    delivery::is_header_of_engine,
    fact::shorten,
    read::Reader,
    webhook::SigningSecret,
};

/// The most bytes a webhook's URL may have.
const URL_BYTES_MAX: usize = 8 * 1024;
/// The most headers of a customer's own.
const HEADERS_MAX: usize = 50;
/// The most bytes a header's name may have.
const HEADER_NAME_BYTES_MAX: usize = 100;
/// The most bytes a header's value may have.
const HEADER_VALUE_BYTES_MAX: usize = 4 * 1024;
/// The most secrets that sign side by side.
const SECRETS_MAX: usize = 5;

/// An absolute http or https URL that `known` lets through.
pub(crate) fn url(value: &Value, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<Url> {
    let text = reader.text(value, "url")?;
    if text.len() > URL_BYTES_MAX {
        let detail = format!("{} bytes, at most {URL_BYTES_MAX} are allowed", text.len());
        return reader.fault("url", "too_long", detail);
    }
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        Err(reason) => {
            let detail = format!("{reason}; write a whole URL like https://crm.example/hook");
            return reader.fault("url", "bad_url", detail);
        }
    };
    // A fragment is not part of any request (RFC 9110, section 4.2.5), and a GET's pairs must not land in it.
    url.set_fragment(None);
    let nothing_beyond_public = AddressPolicy::default();
    let addresses = known.map_or(&nothing_beyond_public, |known| known.addresses);
    match check_url(&url, addresses) {
        Ok(()) => Some(url),
        Err(UrlFault::Localhost(_) | UrlFault::Address(_)) if known.is_none() => Some(url),
        Err(fault) => reader.fault("url", fault.code(), fault.to_string()),
    }
}

pub(super) fn headers(value: &Value, reader: &mut Reader) -> Option<Vec<(String, String)>> {
    let fields = reader.object(value, "headers")?;
    let count = fields.entries().count();
    if count > HEADERS_MAX {
        let detail = format!("{count} headers, at most {HEADERS_MAX} are allowed");
        return reader.fault("headers", "too_many", detail);
    }
    let mut names = BTreeSet::new();
    let found: Vec<_> = fields
        .entries()
        .map(|(name, value)| {
            let path = fields.at(&shorten(name));
            let name = header_name(name, &path, reader);
            let value = header_value(value, &path, reader);
            let name = name?;
            if !names.insert(name.clone()) {
                return reader.fault(
                    path,
                    "duplicate",
                    format!("`{name}` is given twice; case does not count"),
                );
            }
            Some((name, value?))
        })
        .collect();
    found.into_iter().collect()
}

/// A token of RFC 9110, section 5.6.2, in lower case.
fn header_name(name: &str, path: &str, reader: &mut Reader) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > HEADER_NAME_BYTES_MAX || !name.bytes().all(is_token) {
        let detail =
            format!("a header's name has 1 to {HEADER_NAME_BYTES_MAX} Latin letters, digits and dashes");
        return reader.fault(path, "bad_header_name", detail);
    }
    let name = name.to_ascii_lowercase();
    if is_header_of_engine(&name) {
        return reader.fault(
            path,
            "header_not_allowed",
            format!("`{name}` is set by the engine, or by no one"),
        );
    }
    Some(name)
}

/// A field value of RFC 9110, section 5.5, without the space around it; ASCII only, as that section advises.
fn header_value(value: &Value, path: &str, reader: &mut Reader) -> Option<String> {
    let text = reader.text(value, path)?;
    let trimmed = text.trim_matches([' ', '\t']);
    let fits = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if trimmed.len() > HEADER_VALUE_BYTES_MAX || !trimmed.bytes().all(fits) {
        let detail = format!(
            "a header's value has at most {HEADER_VALUE_BYTES_MAX} ASCII characters and no line breaks or control characters"
        );
        return reader.fault(path, "bad_header_value", detail);
    }
    Some(trimmed.to_owned())
}

pub(super) fn signing(value: &Value, reader: &mut Reader) -> Option<Vec<SigningSecret>> {
    let mut fields = reader.object(value, "signing")?;
    let secrets = super::or(fields.get_non_null("secrets"), Vec::new(), |value| {
        each(value, "signing.secrets", SECRETS_MAX, reader, secret)
    });
    fields.refuse_unknown(reader);
    secrets
}

/// A signing secret.
pub(crate) fn secret(value: &Value, path: &str, reader: &mut Reader) -> Option<SigningSecret> {
    let text = reader.text(value, path)?;
    // The fault does not repeat what was given: it is nearly a secret.
    SigningSecret::parse(text).or_else(|| {
        reader.fault(path, "bad_secret", "a signing secret is `whsec_` and 24 to 64 bytes in base64")
    })
}
