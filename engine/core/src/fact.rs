//! Facts that a source states about a lead, and how a later statement merges into an earlier one.

use std::{fmt, marker::PhantomData};

use litemap::LiteMap;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    catalogue::{ALL, Kind, Parameter},
    json::{Tree, View},
    read::{Path, Reader},
};

/// The most bytes one stated text may have.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The most tags in one tag parameter, and the most elements in one list.
pub const ELEMENTS_MAX: usize = 5_000;
/// The most bytes `attrs` may have as JSON text.
pub const ATTRS_BYTES_MAX: usize = 64 * 1024;

/// One stated value, in the form its parameter has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// Text, enum words, URLs, addresses and phones.
    Text(String),
    /// Seconds and whole numbers.
    Int(i64),
    /// A yes or no.
    Bool(bool),
    /// Tags in the order in which they were stated.
    Tags(Vec<String>),
    /// The two fields of each element, in the order in which the catalogue names them.
    Records(Vec<(String, String)>),
    /// A JSON object of the source's own.
    Object(#[serde(with = "json_text")] Map<String, Value>),
}

/// What a source stated about a lead, by parameter. A sorted list: read far more often than changed, and at most as
/// long as the catalogue.
pub type Facts = LiteMap<Parameter, Fact>;

/// A merge patch (RFC 7396): `Some` states a fact, `None` (JSON `null`) takes it back.
pub type FactPatch = LiteMap<Parameter, Option<Fact>>;

/// Reads facts from a row. Room is made for as many as there are parameters: a damaged row may claim more than memory
/// holds, which the list's own reading would ask for at once.
pub(crate) fn from_row<'de, D, V>(deserializer: D) -> Result<LiteMap<Parameter, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Entries<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
        type Value = LiteMap<Parameter, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("facts by their parameters")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut facts = LiteMap::with_capacity(entries.size_hint().unwrap_or_default().min(ALL.len()));
            while let Some((parameter, fact)) = entries.next_entry()? {
                facts.insert(parameter, fact);
            }
            Ok(facts)
        }
    }

    deserializer.deserialize_map(Entries(PhantomData))
}

/// Parameters that the engine makes itself; a source cannot state them.
pub fn is_made_by_engine(parameter: Parameter) -> bool {
    use Parameter as P;
    matches!(
        parameter,
        P::LeadType
            | P::CallPhase
            | P::Id
            | P::RequestId
            | P::ChangedFields
            | P::CallTime
            | P::Timestamp
            | P::RequestDate
            | P::Attribution
            | P::SiteId
            | P::SiteName
            | P::SendingTimestamp
    )
}

impl Fact {
    /// Reads the value that a source states for a parameter; faults name `path`.
    pub fn read(
        parameter: Parameter,
        value: &impl Tree,
        reader: &mut Reader,
        path: Path<'_>,
    ) -> Option<Self> {
        let row = parameter.row();
        match row.kind {
            Kind::Seconds => reader.integer(value, path, 0..=31_622_400).map(Self::Int),
            Kind::Int => reader.integer(value, path, 0..=5).map(Self::Int),
            Kind::Bool => reader.boolean(value, path).map(Self::Bool),
            Kind::Tags => read_tags(value, reader, path),
            Kind::List => read_records(row.values, value, reader, path),
            Kind::JsonObject => read_object(value, reader, path),
            Kind::Enum => {
                let word = reader.text(value, path)?;
                if word != "null" && row.values.split('|').any(|allowed| allowed == word) {
                    return Some(Self::Text(word.to_owned()));
                }
                let words = row.values.replace('|', "`, `");
                reader.fault(path, "unknown_value", format!("`{}` is not one of `{words}`", shorten(word)))
            }
            _ => read_text(value, reader, path),
        }
    }

    /// The fact as JSON, in the form in which a source states it.
    pub fn to_json(&self, parameter: Parameter) -> Value {
        match self {
            Self::Text(text) if parameter == Parameter::Attrs => {
                serde_json::from_str(text).map_or_else(|_| Value::from(text.as_str()), Value::Object)
            }
            Self::Text(text) => Value::from(text.as_str()),
            Self::Int(number) => Value::from(*number),
            Self::Bool(yes) => Value::from(*yes),
            Self::Tags(tags) => Value::from(tags.clone()),
            Self::Object(map) => Value::Object(map.clone()),
            Self::Records(records) => {
                let [first, second] = field_names(parameter.row().values);
                let object = |(a, b): &(String, String)| serde_json::json!({ first: a, second: b });
                records.iter().map(object).collect()
            }
        }
    }
}

/// The names of the two fields of a list's elements, as the catalogue gives them (`party,comment`).
pub fn field_names(values: &'static str) -> [&'static str; 2] {
    values.split_once(',').map_or([values, ""], |(first, second)| [first, second])
}

/// Merges a patch into facts: later statements replace earlier ones, objects merge member by member.
pub fn merge(facts: &mut Facts, patch: FactPatch) {
    for (parameter, stated) in patch {
        match (stated, facts.get_mut(&parameter)) {
            (Some(Fact::Object(changes)), Some(Fact::Object(known))) => merge_object(known, changes),
            (Some(Fact::Object(changes)), _) => {
                let mut fresh = Map::new();
                merge_object(&mut fresh, changes);
                facts.insert(parameter, Fact::Object(fresh));
            }
            (Some(fact), _) => {
                facts.insert(parameter, fact);
            }
            (None, _) => {
                facts.remove(&parameter);
            }
        }
    }
}

/// RFC 7396, section 2, on objects.
fn merge_object(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(changes) => {
                let slot = target.entry(name).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(known) = slot {
                    merge_object(known, changes);
                }
            }
            other => {
                target.insert(name, other);
            }
        }
    }
}

/// Reads bounded text; numbers count as text, since sources write ids both ways.
pub fn read_text(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<Fact> {
    let text = match value.view() {
        View::Text(text) => text.to_owned(),
        View::Number(number) => number.to_string(),
        other => return reader.wrong_type(path, "text", &other),
    };
    if text.len() > TEXT_BYTES_MAX {
        return reader.fault(
            path,
            "too_long",
            format!("{} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len()),
        );
    }
    Some(Fact::Text(text))
}

fn read_tags(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<Fact> {
    let items = reader.array(value, path, ELEMENTS_MAX)?;
    let mut tags = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Fact::Text(tag) = read_text(item, reader, Path::Element(&path, index))? else { return None };
        tags.push(tag);
    }
    Some(Fact::Tags(tags))
}

fn read_records(
    values: &'static str,
    value: &impl Tree,
    reader: &mut Reader,
    path: Path<'_>,
) -> Option<Fact> {
    let [first, second] = field_names(values);
    let items = reader.array(value, path, ELEMENTS_MAX)?;
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let mut fields = reader.object(item, Path::Element(&path, index))?;
        let mut field = |name: &'static str, reader: &mut Reader| match fields.get_non_null(name) {
            Some(value) => read_text(value, reader, fields.path_of(name)),
            None => Some(Fact::Text(String::new())),
        };
        let (a, b) = (field(first, reader), field(second, reader));
        fields.refuse_unknown(reader);
        if let (Some(Fact::Text(a)), Some(Fact::Text(b))) = (a, b) {
            records.push((a, b));
        }
    }
    (records.len() == items.len()).then_some(Fact::Records(records))
}

fn read_object(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<Fact> {
    object_text(value, reader, path)?;
    match value.to_value() {
        Value::Object(map) => Some(Fact::Object(map)),
        _ => None,
    }
}

/// Reads a JSON object of the source's own, of at most [`ATTRS_BYTES_MAX`], as text without white space.
pub fn object_text(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<String> {
    let View::Object = value.view() else {
        return reader.wrong_type(path, "an object", &value.view());
    };
    let text = serde_json::to_string(value).expect("names are texts, and no number is infinite");
    if text.len() > ATTRS_BYTES_MAX {
        let detail = format!("{} bytes, at most {ATTRS_BYTES_MAX} are allowed", text.len());
        return reader.fault(path, "too_long", detail);
    }
    Some(text)
}

/// The beginning of a text that somebody sent, short enough for an error.
pub fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Keeps a JSON object as text inside rows whose encoding does not describe itself.
mod json_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
    use serde_json::{Map, Value};

    pub(super) fn serialize<S: Serializer>(
        map: &Map<String, Value>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(map).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Map<String, Value>, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that claim to be many and are none.
    struct Claims;

    impl Iterator for Claims {
        type Item = (&'static str, bool);

        fn next(&mut self) -> Option<Self::Item> {
            None
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX / 128, Some(usize::MAX / 128))
        }
    }

    #[test]
    fn no_more_room_is_made_for_facts_than_there_can_be_whatever_a_row_claims() {
        let row = serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new(Claims);
        let facts: LiteMap<Parameter, bool> = from_row(row).unwrap();
        assert!(facts.is_empty());
    }
}
