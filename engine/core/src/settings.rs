//! Reads a webhook's settings: refuses what cannot be meant, fills in what was left out.

pub(crate) mod endpoint;
mod parameters;
mod sending;
mod traffic;
mod transform;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use serde_json::Value;

use crate::{
    address::AddressPolicy,
    delivery::Method,
    fact::shorten,
    fault::Faults,
    id::SiteId,
    plugin::Exports,
    read::Reader,
    webhook::{
        Attribution, LeadClass, Ordering, RETRY_AFTER_SECONDS_DEFAULT, Rate, Sending, Settings, Success,
    },
};

/// The most bytes one webhook's settings may have as JSON text.
pub const SETTINGS_BYTES_MAX: usize = 256 * 1024;
/// The most characters a webhook's name may have.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// The most sites that a webhook may name.
pub const SITES_MAX: usize = 1_000;
/// The most tags that a webhook may ask for.
pub const TAGS_MAX: usize = 100;
/// The most characters such a tag may have.
pub const TAG_CHARACTERS_MAX: usize = 200;
/// The most waits that a webhook's own retry list may have.
pub const RETRIES_MAX: usize = 50;
/// The longest deadline of one attempt, in seconds.
pub const TIMEOUT_SECONDS_MAX: u32 = 60;
/// The longest wait before a retry, in seconds: seven days.
pub const RETRY_AFTER_SECONDS_MAX: u32 = 604_800;

/// The most attempts at one time that a webhook may be set to.
pub const CONCURRENT_MAX: u32 = 256;

/// The deadline of one attempt unless set, in seconds.
const TIMEOUT_SECONDS_DEFAULT: u32 = 15;
/// Attempts at one time unless set.
const CONCURRENT_DEFAULT: u32 = 32;

/// What settings are checked against and do not hold themselves.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Which addresses may be sent to.
    pub addresses: &'a AddressPolicy,
    /// What the account has that settings may name. `None` where nobody can tell, as without an engine: then any
    /// plugin and any secret may be named.
    pub account: Option<&'a Holdings>,
}

/// What an account has that its webhooks' settings may name.
#[derive(Debug, Clone, Default)]
pub struct Holdings {
    /// What plugins have functions for: those of `name`, its current version, and those of `name@<sha256>`.
    pub plugins: BTreeMap<String, Exports>,
    /// The names of the secrets.
    pub secrets: BTreeSet<String>,
}

impl Settings {
    /// Reads settings that somebody wants to save. Refused, with every fault at once: what rule 7 of the
    /// contract names, fields that do not exist, values out of the ranges that [`Settings`] tells, hosts
    /// that `known` forbids, plugins and secrets that the account does not have (`unknown_plugin`,
    /// `unknown_version`, `unknown_secret`) and plugins that cannot do what they are named for
    /// (`plugin_without_transform`, `plugin_without_receipt`).
    pub fn parse(value: &Value, known: &Known<'_>) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let settings = read(value, Some(known), &mut reader);
        reader.finish(settings)
    }

    /// Reads settings that were saved before. What may have been taken away since, an allowed address or a
    /// plugin, is not asked about: it is found out where it is used, and a webhook is not lost by it.
    pub fn restore(value: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let settings = read(value, None, &mut reader);
        reader.finish(settings)
    }
}

/// Every field is read before the first `?`, so that one round tells all faults.
fn read(value: &Value, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<Settings> {
    let bytes = value.to_string().len();
    if bytes > SETTINGS_BYTES_MAX {
        let detail = format!("{bytes} bytes, at most {SETTINGS_BYTES_MAX} are allowed");
        return reader.fault("", "too_long", detail);
    }
    let mut fields = reader.object(value, "")?;
    let url = fields.required(reader, "url").and_then(|value| endpoint::url(value, known, reader));
    let name = match fields.get_non_null("name") {
        Some(value) => text(value, "name", 1..=NAME_CHARACTERS_MAX, reader),
        None => url.as_ref().and_then(|url| url.host_str()).map(str::to_owned),
    };
    let method =
        or(fields.get_non_null("method"), Method::Post, |value| choice(value, "method", Method::ALL, reader));
    let attribution = or(fields.get_non_null("attribution"), Attribution::LastNonDirect, |value| {
        choice(value, "attribution", Attribution::ALL, reader)
    });
    let sites = or(fields.get_non_null("sites"), None, |value| sites(value, reader).map(Some));
    let leads =
        or(fields.get_non_null("leads"), (LeadClass::All, LeadClass::All), |value| leads(value, reader));
    let tags = or(fields.get_non_null("tags"), Vec::new(), |value| tags(value, reader));
    let traffic = or(fields.get_non_null("traffic"), Vec::new(), |value| traffic::read(value, reader));
    let sending = or(fields.get_non_null("sending"), sending_default(), |value| sending::read(value, reader));
    let parameters =
        or(fields.get_non_null("parameters"), parameters::all(), |value| parameters::read(value, reader));
    let sends_extra = value.pointer("/parameters/only").is_none_or(Value::is_null);
    let transform =
        or(fields.get_non_null("transform"), Vec::new(), |value| transform::read(value, known, reader));
    let headers = or(fields.get_non_null("headers"), Vec::new(), |value| endpoint::headers(value, reader));
    let signing = or(fields.get_non_null("signing"), Vec::new(), |value| endpoint::signing(value, reader));
    let success = or(fields.get_non_null("success"), Success::Any2xx, |value| success(value, known, reader));
    let timeout_seconds = or(fields.get_non_null("timeout_seconds"), TIMEOUT_SECONDS_DEFAULT, |value| {
        number(value, "timeout_seconds", 1..=TIMEOUT_SECONDS_MAX, reader)
    });
    let retry_after_seconds =
        or(fields.get_non_null("retry"), RETRY_AFTER_SECONDS_DEFAULT.to_vec(), |value| {
            retry_after_seconds(value, reader)
        });
    let rate_default = Rate { per_second: None, concurrent: CONCURRENT_DEFAULT };
    let rate = or(fields.get_non_null("rate"), rate_default, |value| rate(value, reader));
    let ordering = or(fields.get_non_null("ordering"), Ordering::Lead, |value| {
        choice(value, "ordering", Ordering::ALL, reader)
    });
    fields.refuse_unknown(reader);
    let (calls, requests) = leads?;
    Some(Settings {
        source: value.clone(),
        name: name?,
        url: url?,
        method: method?,
        attribution: attribution?,
        sites: sites?,
        calls,
        requests,
        tags: tags?,
        traffic: traffic?,
        sending: sending?,
        parameters: parameters?,
        sends_extra,
        transform: transform?,
        headers: headers?,
        signing: signing?,
        success: success?,
        timeout_seconds: timeout_seconds?,
        retry_after_seconds: retry_after_seconds?,
        rate: rate?,
        ordering: ordering?,
    })
}

/// The simplified model, both ends of leads, at once (the source document, "Модель отправки").
fn sending_default() -> Sending {
    Sending::Simplified { call_started: false, call_ended: Some(0), request_created: Some(0) }
}

/// What a field says, or the default where it was left out; `None` where it is wrong.
pub(crate) fn or<'a, T>(
    field: Option<&'a Value>,
    default: T,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Option<T> {
    match field {
        Some(value) => read(value),
        None => Some(default),
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy + fmt::Display>(
    value: &Value,
    path: &str,
    all: &[T],
    reader: &mut Reader,
) -> Option<T> {
    let word = reader.text(value, path)?;
    all.iter().copied().find(|one| one.to_string() == word).or_else(|| {
        let words: Vec<_> = all.iter().map(T::to_string).collect();
        let detail = format!("`{}` is not one of `{}`", shorten(word), words.join("`, `"));
        reader.fault(path, "unknown_value", detail)
    })
}

/// Text without the space around it and without control characters, so many characters long.
pub(crate) fn text(
    value: &Value,
    path: &str,
    characters: RangeInclusive<usize>,
    reader: &mut Reader,
) -> Option<String> {
    let text = reader.text(value, path)?.trim();
    let count = text.chars().count();
    if count < *characters.start() {
        return reader.fault(path, "empty", "must not be empty");
    }
    if count > *characters.end() {
        let detail = format!("{count} characters, at most {} are allowed", characters.end());
        return reader.fault(path, "too_long", detail);
    }
    if text.chars().any(char::is_control) {
        return reader.fault(path, "control_character", "line breaks and control characters are not allowed");
    }
    Some(text.to_owned())
}

/// A whole number in a range.
pub(crate) fn number(
    value: &Value,
    path: &str,
    range: RangeInclusive<u32>,
    reader: &mut Reader,
) -> Option<u32> {
    let number = reader.integer(value, path, i64::from(*range.start())..=i64::from(*range.end()))?;
    u32::try_from(number).ok()
}

/// Each element of an array, read by its path; `None` if any is wrong, after all were read.
pub(crate) fn each<T>(
    value: &Value,
    path: &str,
    most: usize,
    reader: &mut Reader,
    mut read: impl FnMut(&Value, &str, &mut Reader) -> Option<T>,
) -> Option<Vec<T>> {
    let items = reader.array(value, path, most)?;
    let found: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item, &format!("{path}[{index}]"), reader))
        .collect();
    found.into_iter().collect()
}

fn sites(value: &Value, reader: &mut Reader) -> Option<BTreeSet<SiteId>> {
    let sites = each(value, "sites", SITES_MAX, reader, |item, path, reader| {
        SiteId::new(reader.text(item, path)?).or_else(|| {
            reader.fault(path, "bad_site_id", "a site's id has 1 to 64 characters of A-Z a-z 0-9 . _ -")
        })
    })?;
    if sites.is_empty() {
        return reader.fault("sites", "empty", "no site is named; leave `sites` out to take all of them");
    }
    Some(sites.into_iter().collect())
}

fn leads(value: &Value, reader: &mut Reader) -> Option<(LeadClass, LeadClass)> {
    let mut fields = reader.object(value, "leads")?;
    let mut class = |name: &'static str| {
        let path = fields.at(name);
        or(fields.get_non_null(name), LeadClass::All, |value| choice(value, &path, LeadClass::ALL, reader))
    };
    let (calls, requests) = (class("calls"), class("requests"));
    fields.refuse_unknown(reader);
    Some((calls?, requests?))
}

fn tags(value: &Value, reader: &mut Reader) -> Option<Vec<String>> {
    each(value, "tags", TAGS_MAX, reader, |item, path, reader| {
        text(item, path, 1..=TAG_CHARACTERS_MAX, reader)
    })
}

fn success(value: &Value, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<Success> {
    match value {
        Value::String(word) if word == "2xx" => return Some(Success::Any2xx),
        Value::String(word) if word == "200" => return Some(Success::Only200),
        Value::Object(_) => {}
        _ => {
            return reader.fault(
                "success",
                "unknown_value",
                "expected `\"2xx\"`, `\"200\"` or `{\"plugin\": \"name\"}`",
            );
        }
    }
    let mut fields = reader.object(value, "success")?;
    let plugin = fields.required(reader, "plugin");
    let plugin = plugin
        .and_then(|value| transform::plugin(value, "success.plugin", transform::Use::Receipt, known, reader));
    fields.refuse_unknown(reader);
    plugin.map(Success::Plugin)
}

fn retry_after_seconds(value: &Value, reader: &mut Reader) -> Option<Vec<u32>> {
    let mut fields = reader.object(value, "retry")?;
    let waits = or(fields.get_non_null("after_seconds"), RETRY_AFTER_SECONDS_DEFAULT.to_vec(), |value| {
        each(value, "retry.after_seconds", RETRIES_MAX, reader, |item, path, reader| {
            number(item, path, 1..=RETRY_AFTER_SECONDS_MAX, reader)
        })
    });
    fields.refuse_unknown(reader);
    waits
}

fn rate(value: &Value, reader: &mut Reader) -> Option<Rate> {
    let mut fields = reader.object(value, "rate")?;
    let per_second = or(fields.get_non_null("per_second"), None, |value| {
        number(value, "rate.per_second", 1..=1_000, reader).map(Some)
    });
    let concurrent = or(fields.get_non_null("concurrent"), CONCURRENT_DEFAULT, |value| {
        number(value, "rate.concurrent", 1..=CONCURRENT_MAX, reader)
    });
    fields.refuse_unknown(reader);
    Some(Rate { per_second: per_second?, concurrent: concurrent? })
}
