//! Reads JSON objects field by field and collects every fault on the way, instead of stopping at the first.

use std::fmt;

use serde_json::Value;

use crate::{
    fault::{Fault, Faults},
    json::{Tree, View},
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
pub struct Fields<'a, 'p, T = Value> {
    object: &'a T,
    path: Path<'p>,
    known: Vec<&'static str>,
}

/// Room for the names of most objects' fields.
const KNOWN_USUAL: usize = 16;

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
    pub fn object<'a, 'p, T: Tree>(
        &mut self,
        value: &'a T,
        path: impl Into<Path<'p>>,
    ) -> Option<Fields<'a, 'p, T>> {
        let path = path.into();
        match value.view() {
            View::Object => Some(Fields { object: value, path, known: Vec::with_capacity(KNOWN_USUAL) }),
            other => self.wrong_type(path, "an object", &other),
        }
    }

    /// Expects text at `path`.
    pub fn text<'a, 'p>(&mut self, value: &'a impl Tree, path: impl Into<Path<'p>>) -> Option<&'a str> {
        match value.view() {
            View::Text(text) => Some(text),
            other => self.wrong_type(path.into(), "text", &other),
        }
    }

    /// Expects a whole number within `range` at `path`.
    pub fn integer<'p>(
        &mut self,
        value: &impl Tree,
        path: impl Into<Path<'p>>,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let path = path.into();
        let view = value.view();
        let number = match view {
            View::Number(number) => number.as_i64(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => self.fault(
                path,
                "out_of_range",
                format!("{number} is out of range: {} to {}", range.start(), range.end()),
            ),
            None => self.wrong_type(path, "a whole number", &view),
        }
    }

    /// Expects `true` or `false` at `path`.
    pub fn boolean<'p>(&mut self, value: &impl Tree, path: impl Into<Path<'p>>) -> Option<bool> {
        match value.view() {
            View::Bool(yes) => Some(yes),
            other => self.wrong_type(path.into(), "true or false", &other),
        }
    }

    /// Expects an array of at most `most` elements at `path`.
    pub fn array<'a, 'p, T: Tree>(
        &mut self,
        value: &'a T,
        path: impl Into<Path<'p>>,
        most: usize,
    ) -> Option<&'a [T]> {
        let path = path.into();
        match value.view() {
            View::Array(items) if items.len() <= most => Some(items),
            View::Array(items) => {
                self.fault(path, "too_many", format!("{} elements, at most {most} are allowed", items.len()))
            }
            other => self.wrong_type(path, "an array", &other),
        }
    }

    /// Expects an RFC 3339 time at `path`.
    pub fn time<'p>(&mut self, value: &impl Tree, path: impl Into<Path<'p>>) -> Option<Timestamp> {
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

    /// Notes that a value is of another kind than the one that is expected, which is given in words.
    pub fn wrong_type<R, T>(&mut self, path: Path<'_>, expected: &str, got: &View<'_, T>) -> Option<R> {
        self.fault(path, "wrong_type", format!("expected {expected}, got {}", got.kind()))
    }
}

impl<'a, T: Tree> Fields<'a, '_, T> {
    /// The value of a field, `None` when it is not there. Marks the name as known.
    pub fn get(&mut self, name: &'static str) -> Option<&'a T> {
        self.known.push(name);
        self.object.member(name)
    }

    /// As [`Fields::get`], with JSON `null` counting as not there.
    pub fn get_non_null(&mut self, name: &'static str) -> Option<&'a T> {
        self.get(name).filter(|value| !matches!(value.view(), View::Null))
    }

    /// The value of a field that must be there.
    pub fn required(&mut self, reader: &mut Reader, name: &'static str) -> Option<&'a T> {
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
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a T)> + use<'a, '_, T> {
        self.object.members()
    }

    /// Refuses, by name, every field that was not asked for.
    pub fn refuse_unknown(self, reader: &mut Reader) {
        let unknown = self.object.members().map(|(name, _)| name).filter(|name| !self.known.contains(name));
        for name in unknown.take(FAULTS_MAX + 1) {
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
