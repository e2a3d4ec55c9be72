//! A lead in sight of a script: its JSON is looked through once, and a value is made when the script reads it.

use std::{borrow::Cow, fmt, ops::Range};

use rhai::{Dynamic, Map};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    json,
    names::{PARAMETERS, place},
};

/// Where the values of a lead stand in its JSON text.
#[derive(Debug)]
pub(crate) struct Lead {
    text: String,
    /// By place in [`PARAMETERS`]; `None` for a parameter without a value.
    parameters: [Option<Range<usize>>; PARAMETERS.len()],
    /// What is no parameter: `site`, `type`, `visits`, ….
    fields: Vec<(String, Range<usize>)>,
}

/// Fields that a lead may be without; reading them is no mistake.
const FIELDS: [&str; 9] =
    ["site", "type", "id", "parameters", "visits", "started_at", "timezone", "country", "renamed"];

impl Lead {
    /// Looks through the JSON text of a lead.
    ///
    /// # Errors
    /// Words for a text that is no JSON object.
    pub(crate) fn new(text: String) -> Result<Lead, String> {
        let mut found = Found { start: text.as_ptr().addr(), ..Found::default() };
        serde_json::Deserializer::from_str(&text)
            .deserialize_map(Top(&mut found))
            .map_err(|error| format!("the lead is no JSON object: {error}"))?;
        let Found { parameters, fields, .. } = found;
        Ok(Lead { text, parameters: parameters.0, fields })
    }

    /// The value of a parameter or field; `()` where it is absent.
    ///
    /// # Errors
    /// Words for a name that is neither.
    pub(crate) fn get(&self, name: &str) -> Result<Dynamic, String> {
        // `id` is a parameter of calls only, while every lead has an id.
        let range = match place(name) {
            Some(place) if name != "id" => self.parameters[place].as_ref(),
            _ if name == "parameters" => return self.all(),
            _ => match self.fields.iter().find(|(field, _)| field == name) {
                Some((_, range)) => Some(range),
                None if FIELDS.contains(&name) => None,
                None => return Err(unknown(name)),
            },
        };
        range.map_or(Ok(Dynamic::UNIT), |range| self.read(range))
    }

    /// Every parameter that has a value, as a map.
    fn all(&self) -> Result<Dynamic, String> {
        let here = PARAMETERS.iter().zip(&self.parameters);
        let here = here.filter_map(|(name, range)| Some((*name, range.as_ref()?)));
        let all = here.map(|(name, range)| Ok((name.into(), self.read(range)?)));
        Ok(all.collect::<Result<Map, String>>()?.into())
    }

    fn read(&self, range: &Range<usize>) -> Result<Dynamic, String> {
        json::read(self.text.get(range.clone()).unwrap_or_default())
    }

    /// Whether the lead has a value under this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_ok_and(|value| !value.is_unit())
    }
}

/// The name of a parameter or field, unless it is neither.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    let field = || FIELDS.into_iter().find(|field| *field == name);
    place(name).map(|place| PARAMETERS[place]).or_else(field)
}

/// Says that a lead has no such name, and which one may have been meant.
pub(crate) fn unknown(name: &str) -> String {
    let all = PARAMETERS.iter().chain(&FIELDS);
    let near = all.filter(|known| is_near(known, name)).min_by_key(|known| known.len().abs_diff(name.len()));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("a lead has no parameter `{name}`{hint}")
}

/// Whether two names are the same but for case and underscores, or for one letter put in, left out or changed.
fn is_near(known: &str, name: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "").into_bytes();
    let (known, name) = (plain(known), plain(name));
    let same = known.iter().zip(&name).take_while(|(one, other)| one == other).count();
    let (rest, other) = (&known[same..], &name[same..]);
    let after = |rest: &[u8]| rest.get(1..).unwrap_or_default().to_vec();
    after(rest) == after(other) || after(rest) == other || rest == after(other)
}

/// A name of an object, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is found while a lead is looked through.
#[derive(Default)]
struct Found {
    /// The address of the text's first byte, from which places are told.
    start: usize,
    parameters: Places,
    fields: Vec<(String, Range<usize>)>,
}

struct Places([Option<Range<usize>>; PARAMETERS.len()]);

impl Default for Places {
    fn default() -> Places {
        Places([const { None }; PARAMETERS.len()])
    }
}

impl Found {
    fn range(&self, value: &RawValue) -> Range<usize> {
        let start = value.get().as_ptr().addr() - self.start;
        start..start + value.get().len()
    }
}

/// Reads the lead's own object.
struct Top<'a>(&'a mut Found);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = values.next_key::<Name<'de>>()? {
            if name == "parameters" {
                values.next_value_seed(Parameters(self.0))?;
                continue;
            }
            let value: &RawValue = values.next_value()?;
            let range = self.0.range(value);
            self.0.fields.push((name.into_owned(), range));
        }
        Ok(())
    }
}

/// Reads the object of the parameters.
struct Parameters<'a>(&'a mut Found);

impl<'de> DeserializeSeed<'de> for Parameters<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Parameters<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = values.next_key::<Name<'de>>()? {
            let value: &RawValue = values.next_value()?;
            if let Some(place) = place(&name) {
                self.0.parameters.0[place] = Some(self.0.range(value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Lead;

    #[test]
    fn a_value_is_read_where_it_stands_and_an_absent_one_is_unit() {
        let text = r#" {"site":"60001", "parameters": {"callerphone" : "7495\u0031", "tags_manual":["a","я"],
            "id":"1"}, "visits":[{"url":"u"}],"id":"15","type":"call","new_one":7}"#;
        let lead = Lead::new(text.to_owned()).unwrap();
        let read = |name| lead.get(name).map(|value| value.to_string());
        assert_eq!(read("callerphone"), Ok("74951".to_owned()));
        assert_eq!(read("tags_manual"), Ok(r#"["a", "я"]"#.to_owned()));
        assert_eq!(read("id"), Ok("15".to_owned()));
        assert_eq!(read("new_one"), Ok("7".to_owned()));
        assert!(lead.get("fio").unwrap().is_unit() && lead.get("timezone").unwrap().is_unit());
        assert_eq!(lead.get("visits").unwrap().as_array_ref().unwrap().len(), 1);
        assert!(lead.has("site") && !lead.has("fio") && !lead.has("nothing"));
    }

    #[test]
    fn a_name_that_is_no_parameter_is_told_with_the_one_that_was_meant() {
        let lead = Lead::new("{}".to_owned()).unwrap();
        for (name, meant) in [("calerphone", "callerphone"), ("Fio", "fio"), ("utmsource", "utm_source")] {
            let said = lead.get(name).unwrap_err();
            assert_eq!(said, format!("a lead has no parameter `{name}`; did you mean `{meant}`?"));
        }
        assert_eq!(lead.get("nothing_like_it").unwrap_err(), "a lead has no parameter `nothing_like_it`");
        for bad in ["", "[]", "{", r#"{"parameters":[]}"#] {
            assert!(Lead::new(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
