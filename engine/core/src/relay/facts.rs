//! What the parameters of a webhook state: facts under their names, and when the lead began.

use chrono::{NaiveDateTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use serde_json::Value;

use super::form::{Form, Node};
use crate::{
    attribution::{NOT_FILLED, NOT_STATED},
    catalogue::{Kind, Parameter},
    event::Patch,
    extra::{EXTRA_NAME_BYTES_MAX, EXTRA_PAIRS_MAX, Extra},
    fact::{ATTRS_BYTES_MAX, Fact, TEXT_BYTES_MAX, field_names, is_made_by_engine, shorten},
    lead::LeadKind,
    read::Reader,
    site::Site,
    time::Timestamp,
};

/// The last second of the year 9999.
const UNIX_SECONDS_MAX: i64 = 253_402_300_799;

/// Whether a value only stands for one that is absent, so that it takes a fact back. An empty one does as well:
/// it is what most parameters are sent as when nothing is known.
pub(super) fn is_placeholder(value: &str) -> bool {
    matches!(value, "" | "null" | "undefined" | NOT_STATED | NOT_FILLED)
}

/// The value of a parameter that is there and known.
pub(super) fn stated(form: &Form, parameter: Parameter) -> Option<&str> {
    form.last(parameter.name()).filter(|value| !is_placeholder(value))
}

/// All that a webhook states about a lead of this kind. What the engine makes itself is not looked at.
pub(super) fn patch(form: Form, kind: LeadKind, site: &Site, reader: &mut Reader) -> Patch {
    let mut patch =
        Patch { started_at: started_at(&form, site.timezone, reader).map(Some), ..Patch::default() };
    let of_kind = |name: &str| Parameter::by_name(name).filter(|parameter| parameter.exists_for(kind));
    let (nested, others) = form.nested(|root| of_kind(root).is_some());
    for (name, node) in nested.into_entries() {
        let Some(parameter) = of_kind(&name).filter(|parameter| !is_made_by_engine(*parameter)) else {
            continue;
        };
        if let Some(fact) = fact(parameter, node, reader) {
            patch.facts.insert(parameter, fact);
        }
    }
    patch.extra = extra(others, reader);
    patch
}

/// What a parameter states; the inner `None` takes a fact back, the outer is a fault.
fn fact(parameter: Parameter, node: Node, reader: &mut Reader) -> Option<Option<Fact>> {
    let row = parameter.row();
    let value = match (row.kind, node) {
        (_, Node::Text(text)) if is_placeholder(&text) => return Some(None),
        (Kind::Seconds | Kind::Int, Node::Text(text)) => text.parse::<i64>().map_or(text.into(), Value::from),
        (Kind::Bool, Node::Text(text)) => text.parse::<bool>().map_or(text.into(), Value::from),
        (Kind::Tags, Node::Text(text)) => text.split(',').map(Value::from).collect(),
        (Kind::JsonObject, Node::Text(text)) => return object_text(parameter, text, reader).map(Some),
        (Kind::List, Node::Branch(branch)) => {
            let fields = field_names(row.values);
            branch.into_entries().map(|(_, element)| record(element, fields)).collect()
        }
        (Kind::Tags, Node::Branch(branch)) => {
            branch.into_entries().map(|(_, tag)| Value::from(tag)).collect()
        }
        (_, Node::Text(text)) if is_phone(parameter) => international(text).into(),
        (_, node) => Value::from(node),
    };
    Fact::read(parameter, &value, reader, parameter.name().into()).map(Some)
}

/// The text of an object is sent on as it came, also where it is no JSON.
fn object_text(parameter: Parameter, text: String, reader: &mut Reader) -> Option<Fact> {
    if text.len() > ATTRS_BYTES_MAX {
        let detail = format!("{} bytes, at most {ATTRS_BYTES_MAX} are allowed", text.len());
        return reader.fault(parameter.name(), "too_long", detail);
    }
    Some(Fact::Text(text))
}

/// An element with the two fields that the catalogue knows; others are left out.
fn record(element: Node, fields: [&str; 2]) -> Value {
    match Value::from(element) {
        Value::Object(mut members) => {
            members.retain(|name, _| fields.contains(&name.as_str()));
            Value::Object(members)
        }
        other => other,
    }
}

fn is_phone(parameter: Parameter) -> bool {
    matches!(parameter, Parameter::CallerPhone | Parameter::PhoneNumber | Parameter::RedirectNumber)
}

/// The service sends numbers whole, with their country code, which a `+` says; without it ten digits would be taken
/// for a Russian number that lacks its own.
fn international(number: String) -> String {
    match number.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("+{number}"),
        false => number,
    }
}

/// When the lead began: `timestamp`, which is never ambiguous, else the local time of the site.
fn started_at(form: &Form, zone: Tz, reader: &mut Reader) -> Option<Timestamp> {
    if stated(form, Parameter::Timestamp).is_some() {
        return unix_seconds(form, Parameter::Timestamp, reader);
    }
    let local = [Parameter::CallTime, Parameter::RequestDate].into_iter();
    let (parameter, text) = local.filter_map(|one| Some((one, stated(form, one)?))).next()?;
    from_local(text, zone).or_else(|| {
        let detail = format!("`{}` is not a time like 2026-02-26 20:03:37", shorten(text));
        reader.fault(parameter.name(), "bad_time", detail)
    })
}

/// A parameter of Unix seconds, from 1970 to 9999.
pub(super) fn unix_seconds(form: &Form, parameter: Parameter, reader: &mut Reader) -> Option<Timestamp> {
    let text = stated(form, parameter)?;
    let seconds = text.parse().ok().filter(|seconds| (0..=UNIX_SECONDS_MAX).contains(seconds));
    seconds.map(Timestamp::from_unix_seconds).or_else(|| {
        let detail = format!("`{}` is not a number of seconds since 1970, like 1772125417", shorten(text));
        reader.fault(parameter.name(), "bad_time", detail)
    })
}

/// `YYYY-MM-DD hh:mm:ss` by the clock of a zone: of an hour that comes twice the first, of one that is left out
/// an hour later.
fn from_local(text: &str, zone: Tz) -> Option<Timestamp> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    let later = || local.checked_add_signed(TimeDelta::hours(1));
    let at = zone.from_local_datetime(&local).earliest();
    let at = at.or_else(|| zone.from_local_datetime(&later()?).earliest())?;
    (0..=UNIX_SECONDS_MAX).contains(&at.timestamp()).then(|| Timestamp::from_unix_seconds(at.timestamp()))
}

/// Pairs that the catalogue does not have for this kind of lead, within their limits.
fn extra(pairs: Vec<(String, String)>, reader: &mut Reader) -> Extra {
    if pairs.len() > EXTRA_PAIRS_MAX {
        let detail = format!("{} parameters are not known, at most {EXTRA_PAIRS_MAX} are kept", pairs.len());
        reader.fault::<()>("", "too_many", detail);
    }
    for (name, value) in &pairs {
        let (what, bytes, most) = match name.len() > EXTRA_NAME_BYTES_MAX {
            true => ("name", name.len(), EXTRA_NAME_BYTES_MAX),
            false => ("value", value.len(), TEXT_BYTES_MAX),
        };
        if bytes > most {
            let detail = format!("the {what} has {bytes} bytes, at most {most} are allowed");
            reader.fault::<()>(shorten(name), "too_long", detail);
        }
    }
    pairs
}
