//! Reads a body of events, one at a time, so that a bad one spoils no other and only one is held as JSON.

use std::fmt;

use leadhook_core::{
    event::{EVENT_BYTES_MAX, EVENT_ID_BYTES_MAX, Event},
    json::{Json, Tree as _},
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::EventError;
use crate::api::{
    body::not_json,
    problem::{self, Problem},
};

/// How a body holds events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One event, or an array of them.
    Json,
    /// One in each line that is not blank.
    Lines,
}

/// An event as it was read.
#[derive(Debug)]
pub(super) enum Read {
    /// It is well formed.
    Good(Event),
    /// It is not.
    Bad {
        /// Its id, where it has one.
        id: Option<String>,
        /// What is wrong.
        error: EventError,
    },
}

/// Reads all events of a body, and whether it is a single one outside an array. Refused as a whole: what is not
/// JSON, no event at all, and more than `most`.
pub(super) fn read(body: &[u8], form: Form, most: usize) -> Result<(Vec<Read>, bool), Problem> {
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let found = match form {
        Form::Lines => lines(body, most)?,
        Form::Json if is_array => elements(body, most)?,
        Form::Json => vec![one(body).map_err(|error| not_json(&error))?],
    };
    if found.is_empty() {
        return Err(Problem::fault("", "empty", "there is no event in the body"));
    }
    Ok((found, form == Form::Json && !is_array))
}

/// Reads the events of an array. It must be JSON as a whole, for else nobody knows where an element ends.
fn elements(body: &[u8], most: usize) -> Result<Vec<Read>, Problem> {
    let Elements { texts, count } = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    refuse_more(count, most.min(ELEMENTS_KEPT_MAX))?;
    let read = |text: &RawValue| {
        one(text.get().as_bytes())
            .unwrap_or_else(|reason| Read::bad("bad_json", format!("the event is not JSON: {reason}")))
    };
    Ok(texts.into_iter().map(read).collect())
}

/// Reads the events of lines; a line that is not JSON is that line's error.
fn lines(body: &[u8], most: usize) -> Result<Vec<Read>, Problem> {
    let lines = || {
        let numbered = (1..).zip(body.split(|byte| *byte == b'\n'));
        numbered.filter(|(_, line)| line.iter().any(|byte| !byte.is_ascii_whitespace()))
    };
    refuse_more(lines().take(most + 1).count(), most)?;
    let read = |(number, line): (usize, &[u8])| {
        let mut read = one(line).unwrap_or_else(|reason| {
            Read::bad("bad_json", format!("line {number} of the body is not JSON: {reason}"))
        });
        if let Read::Bad { error, .. } = &mut read {
            error.line = Some(number);
        }
        read
    };
    Ok(lines().map(read).collect())
}

/// Reads one event.
fn one(text: &[u8]) -> Result<Read, serde_json::Error> {
    if text.len() > EVENT_BYTES_MAX {
        // Whether it is JSON is told first: the size of what is none says nothing.
        let _: IgnoredAny = serde_json::from_slice(text)?;
        let detail = format!("the event has {} bytes, at most {EVENT_BYTES_MAX} are allowed", text.len());
        return Ok(Read::bad("event_too_large", detail));
    }
    // Checked for UTF-8 as a whole, which costs less than checking each text; what is wrong is told with its place.
    let json = match std::str::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(text),
    };
    json.map(|json| event(&json))
}

impl Read {
    fn bad(code: &'static str, detail: String) -> Self {
        Self::Bad { id: None, error: EventError { code, detail, errors: Vec::new(), line: None } }
    }
}

fn event(json: &Json<'_>) -> Read {
    match Event::parse(json) {
        Ok(event) => Read::Good(event),
        Err(faults) => Read::Bad {
            id: stated_id(json),
            error: EventError {
                code: "invalid_event",
                detail: problem::in_words(&faults),
                errors: problem::shown(faults),
                line: None,
            },
        },
    }
}

/// The id of an event that is bad otherwise, so that its source knows which one it is.
fn stated_id(json: &Json<'_>) -> Option<String> {
    let id = match json.member("id")? {
        Json::Text(text) => text.to_string(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=EVENT_ID_BYTES_MAX).contains(&id.len()).then_some(id)
}

fn refuse_more(count: usize, most: usize) -> Result<(), Problem> {
    match count > most {
        true => {
            let detail = format!("at most {most} events are taken at once; send the rest in another call");
            Err(Problem::fault("", "too_many_events", detail))
        }
        false => Ok(()),
    }
}

/// The most elements of an array that are kept; the rest is only counted, so that a body of `[[],[],…` costs little.
const ELEMENTS_KEPT_MAX: usize = 10_000;

/// The texts of an array's elements.
struct Elements<'a> {
    texts: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Elements { texts: Vec::new(), count: 0 };
        while elements.count < ELEMENTS_KEPT_MAX {
            let Some(text) = sequence.next_element()? else { return Ok(elements) };
            elements.texts.push(text);
            elements.count += 1;
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            elements.count += 1;
        }
        Ok(elements)
    }
}
