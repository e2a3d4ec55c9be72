//! Reads which parameters a webhook sends, and under which names (the contract, "Webhook settings", rule 7).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{each, or, text};
use crate::{
    catalogue::{self, Parameter},
    fact::shorten,
    read::Reader,
};

/// The most names that a list may hold: more than there are parameters, so that none need be counted.
const NAMES_MAX: usize = 200;
/// The most characters a new name may have.
const NEW_NAME_CHARACTERS_MAX: usize = 100;

/// All parameters under their own names: what is sent unless set.
pub(super) fn all() -> Vec<(Parameter, String)> {
    catalogue::ALL.iter().map(|parameter| (*parameter, parameter.name().to_owned())).collect()
}

pub(super) fn read(value: &Value, reader: &mut Reader) -> Option<Vec<(Parameter, String)>> {
    let mut fields = reader.object(value, "parameters")?;
    let only =
        or(fields.get_non_null("only"), None, |value| names(value, "parameters.only", reader).map(Some));
    let except =
        or(fields.get_non_null("except"), BTreeSet::new(), |value| names(value, "parameters.except", reader));
    let renames = or(fields.get_non_null("rename"), BTreeMap::new(), |value| renames(value, reader));
    fields.refuse_unknown(reader);
    let selected = select(only?, &except?, reader)?;
    sent_names(&selected, &renames?, reader)
}

fn names(value: &Value, path: &str, reader: &mut Reader) -> Option<BTreeSet<Parameter>> {
    let found = each(value, path, NAMES_MAX, reader, |item, path, reader| {
        let name = reader.text(item, path)?;
        parameter(name, path, reader)
    })?;
    Some(found.into_iter().collect())
}

/// The parameter of this name; near misses in case are told, since the catalogue mixes styles.
pub(super) fn parameter(name: &str, path: &str, reader: &mut Reader) -> Option<Parameter> {
    Parameter::by_name(name).or_else(|| {
        let near = catalogue::ALL.iter().find(|parameter| parameter.name().eq_ignore_ascii_case(name));
        let advice = near.map_or("GET /v1/parameters lists them".to_owned(), |parameter| {
            format!("did you mean `{}`?", parameter.name())
        });
        reader.fault(
            path,
            "unknown_parameter",
            format!("there is no parameter `{}`; {advice}", shorten(name)),
        )
    })
}

/// The selected parameters in catalogue order, as a set keeps them.
fn select(
    only: Option<BTreeSet<Parameter>>,
    except: &BTreeSet<Parameter>,
    reader: &mut Reader,
) -> Option<BTreeSet<Parameter>> {
    match only {
        Some(only) if only.is_empty() => {
            reader.fault("parameters.only", "empty", "nothing would be sent; leave `only` out to send all")
        }
        Some(_) if !except.is_empty() => {
            let detail = "`only` and `except` cannot be used together; name in `only` what is sent";
            reader.fault("parameters.except", "only_and_except", detail)
        }
        Some(only) => Some(only),
        None if except.len() == catalogue::ALL.len() => {
            reader.fault("parameters.except", "empty", "nothing would be sent: every parameter is left out")
        }
        None => {
            Some(catalogue::ALL.iter().copied().filter(|parameter| !except.contains(parameter)).collect())
        }
    }
}

fn renames(value: &Value, reader: &mut Reader) -> Option<BTreeMap<Parameter, String>> {
    let fields = reader.object(value, "parameters.rename")?;
    let found: Vec<_> = fields
        .entries()
        .map(|(name, value)| {
            let path = fields.at(&shorten(name));
            let parameter = parameter(name, &path, reader);
            let new = text(value, &path, 1..=NEW_NAME_CHARACTERS_MAX, reader)?;
            if new.contains(['[', ']']) {
                let detail =
                    "brackets are kept for the elements of lists, which are sent as `name[0][field]`";
                return reader.fault(path, "brackets", detail);
            }
            Some((parameter?, new))
        })
        .collect();
    found.into_iter().collect()
}

/// The name under which each selected parameter is sent; no two alike.
fn sent_names(
    selected: &BTreeSet<Parameter>,
    renames: &BTreeMap<Parameter, String>,
    reader: &mut Reader,
) -> Option<Vec<(Parameter, String)>> {
    let sent_name = |parameter: Parameter| renames.get(&parameter).map_or(parameter.name(), String::as_str);
    let mut owners: BTreeMap<&str, Vec<Parameter>> = BTreeMap::new();
    for parameter in selected {
        owners.entry(sent_name(*parameter)).or_default().push(*parameter);
    }
    for (parameter, new) in renames {
        let path = format!("parameters.rename.{}", parameter.name());
        if !selected.contains(parameter) {
            let detail = format!("`{}` is renamed but not sent", parameter.name());
            reader.fault::<()>(path, "not_selected", detail);
            continue;
        }
        let other = owners.get(new.as_str()).and_then(|all| all.iter().find(|other| *other != parameter));
        if let Some(other) = other {
            let detail =
                format!("`{}` is already the name under which `{}` is sent", shorten(new), other.name());
            reader.fault::<()>(path, "duplicate_name", detail);
        }
    }
    Some(selected.iter().map(|parameter| (*parameter, sent_name(*parameter).to_owned())).collect())
}
