//! What is wrong with something that came in: where, a stable code, and words that help to mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing wrong with input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where, as a path into the input: `sending.delay_minutes.call_ended`, `traffic[0][1].matches`. Empty for the whole.
    pub path: String,
    /// A stable word for programs, in snake_case.
    pub code: String,
    /// What is wrong and what to write instead, for people.
    pub detail: String,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self { path: path.into(), code: code.to_owned(), detail: detail.into() }
    }
}

/// Everything wrong with one input, at least one fault; told all at once, so that it is mended in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            match fault.path.as_str() {
                "" => write!(f, "{separator}{}", fault.detail)?,
                path => write!(f, "{separator}{path}: {}", fault.detail)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}
