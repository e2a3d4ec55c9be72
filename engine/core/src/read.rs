//! Reads JSON objects field by field and collects every fault on the way, instead of stopping at the first.

use serde_json::{Map, Value};

use crate::{
    fault::{Fault, Faults},
    time::Timestamp,
};

/// The most faults told of one input.
pub const FAULTS_MAX: usize = 100;

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Reader {
    faults: Vec<Fault>,
}

/// One JSON object being read: which fields were asked for, and where it stands in the whole.
#[derive(Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
}

impl Reader {
    /// Notes a fault, up to [`FAULTS_MAX`] of them, and answers `None`, so that it can end an expression.
    pub fn fault<T>(&mut self, path: impl Into<String>, code: &str, detail: impl Into<String>) -> Option<T> {
        match self.faults.len() {
            ..FAULTS_MAX => self.faults.push(Fault::new(path, code, detail)),
            FAULTS_MAX => {
                self.faults.push(Fault::new("", "more_faults", "there is more; only the first are told"));
            }
            _ => {}
        }
        None
    }

    /// What was read, if nothing was wrong; else every fault.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults(self.faults)),
        }
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Expects an object at `path`.
    pub fn object<'a>(&mut self, value: &'a Value, path: impl Into<String>) -> Option<Fields<'a>> {
        let path = path.into();
        match value {
            Value::Object(map) => Some(Fields { map, path, known: Vec::new() }),
            other => self.fault(path, "wrong_type", format!("expected an object, got {}", kind_of(other))),
        }
    }

    /// Expects text at `path`.
    pub fn text<'a>(&mut self, value: &'a Value, path: &str) -> Option<&'a str> {
        match value {
            Value::String(text) => Some(text),
            other => self.fault(path, "wrong_type", format!("expected text, got {}", kind_of(other))),
        }
    }

    /// Expects a whole number within `range` at `path`.
    pub fn integer(
        &mut self,
        value: &Value,
        path: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        match value.as_i64() {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => self.fault(
                path,
                "out_of_range",
                format!("{number} is out of range: {} to {}", range.start(), range.end()),
            ),
            None => {
                self.fault(path, "wrong_type", format!("expected a whole number, got {}", kind_of(value)))
            }
        }
    }

    /// Expects `true` or `false` at `path`.
    pub fn boolean(&mut self, value: &Value, path: &str) -> Option<bool> {
        match value {
            Value::Bool(yes) => Some(*yes),
            other => {
                self.fault(path, "wrong_type", format!("expected true or false, got {}", kind_of(other)))
            }
        }
    }

    /// Expects an array of at most `most` elements at `path`.
    pub fn array<'a>(&mut self, value: &'a Value, path: &str, most: usize) -> Option<&'a [Value]> {
        match value {
            Value::Array(items) if items.len() <= most => Some(items),
            Value::Array(items) => {
                self.fault(path, "too_many", format!("{} elements, at most {most} are allowed", items.len()))
            }
            other => self.fault(path, "wrong_type", format!("expected an array, got {}", kind_of(other))),
        }
    }

    /// Expects an RFC 3339 time at `path`.
    pub fn time(&mut self, value: &Value, path: &str) -> Option<Timestamp> {
        let text = self.text(value, path)?;
        Timestamp::from_rfc3339(text).or_else(|| {
            self.fault(
                path,
                "bad_time",
                "expected an RFC 3339 time with an offset, like 2026-02-26T20:03:37+03:00",
            )
        })
    }
}

impl<'a> Fields<'a> {
    /// The value of a field, `None` when it is not there. Marks the name as known.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name)
    }

    /// As [`Fields::get`], with JSON `null` counting as not there.
    pub fn get_non_null(&mut self, name: &'static str) -> Option<&'a Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// The value of a field that must be there.
    pub fn required(&mut self, reader: &mut Reader, name: &'static str) -> Option<&'a Value> {
        let value = self.get_non_null(name);
        if value.is_none() {
            return reader.fault(self.at(name), "missing", format!("`{name}` is required"));
        }
        value
    }

    /// The path of a field of this object.
    pub fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The fields as they stand, for objects whose names are not fixed.
    pub fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.map.iter()
    }

    /// Refuses, by name, every field that was not asked for.
    pub fn refuse_unknown(self, reader: &mut Reader) {
        for name in self.map.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let known = self.known.join("`, `");
            let shown: String = name.chars().take(64).collect();
            reader.fault::<()>(
                self.at(&shown),
                "unknown_field",
                format!("there is no field `{shown}` here; the fields are `{known}`"),
            );
        }
    }
}

/// What a JSON value is, in words.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
