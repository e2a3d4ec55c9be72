//! Reads JSON objects field by field and collects every fault on the way, instead of stopping at the first.

use std::fmt;

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

/// Where a value stands in the whole, written out only for a fault: most input has none.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    /// As it is written.
    Written(&'p str),
    /// A field of an object.
    Field(&'p Path<'p>, &'p str),
    /// An element of an array, from 0.
    Element(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(path) => f.write_str(path),
            Self::Field(Path::Written(""), name) => f.write_str(name),
            Self::Field(path, name) => write!(f, "{path}.{name}"),
            Self::Element(path, index) => write!(f, "{path}[{index}]"),
        }
    }
}

impl<'p> From<&'p str> for Path<'p> {
    fn from(path: &'p str) -> Self {
        Self::Written(path)
    }
}

impl<'p> From<&'p String> for Path<'p> {
    fn from(path: &'p String) -> Self {
        Self::Written(path)
    }
}

impl From<Path<'_>> for String {
    fn from(path: Path<'_>) -> Self {
        path.to_string()
    }
}

/// One JSON object being read: which fields were asked for, and where it stands in the whole.
#[derive(Debug)]
pub struct Fields<'a, 'p> {
    map: &'a Map<String, Value>,
    path: Path<'p>,
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
    pub fn object<'a, 'p>(&mut self, value: &'a Value, path: impl Into<Path<'p>>) -> Option<Fields<'a, 'p>> {
        let path = path.into();
        match value {
            Value::Object(map) => Some(Fields { map, path, known: Vec::new() }),
            other => self.fault(path, "wrong_type", format!("expected an object, got {}", kind_of(other))),
        }
    }

    /// Expects text at `path`.
    pub fn text<'a, 'p>(&mut self, value: &'a Value, path: impl Into<Path<'p>>) -> Option<&'a str> {
        let path = path.into();
        match value {
            Value::String(text) => Some(text),
            other => self.fault(path, "wrong_type", format!("expected text, got {}", kind_of(other))),
        }
    }

    /// Expects a whole number within `range` at `path`.
    pub fn integer<'p>(
        &mut self,
        value: &Value,
        path: impl Into<Path<'p>>,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let path = path.into();
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
    pub fn boolean<'p>(&mut self, value: &Value, path: impl Into<Path<'p>>) -> Option<bool> {
        let path = path.into();
        match value {
            Value::Bool(yes) => Some(*yes),
            other => {
                self.fault(path, "wrong_type", format!("expected true or false, got {}", kind_of(other)))
            }
        }
    }

    /// Expects an array of at most `most` elements at `path`.
    pub fn array<'a, 'p>(
        &mut self,
        value: &'a Value,
        path: impl Into<Path<'p>>,
        most: usize,
    ) -> Option<&'a [Value]> {
        let path = path.into();
        match value {
            Value::Array(items) if items.len() <= most => Some(items),
            Value::Array(items) => {
                self.fault(path, "too_many", format!("{} elements, at most {most} are allowed", items.len()))
            }
            other => self.fault(path, "wrong_type", format!("expected an array, got {}", kind_of(other))),
        }
    }

    /// Expects an RFC 3339 time at `path`.
    pub fn time<'p>(&mut self, value: &Value, path: impl Into<Path<'p>>) -> Option<Timestamp> {
        let path = path.into();
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

impl<'a> Fields<'a, '_> {
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

    /// Where a field of this object stands.
    pub fn path_of<'f>(&'f self, name: &'f str) -> Path<'f> {
        Path::Field(&self.path, name)
    }

    /// The path of a field of this object, written out.
    pub fn at(&self, name: &str) -> String {
        self.path_of(name).to_string()
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
