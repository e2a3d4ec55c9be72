//! The value of each parameter: what the source stated, else what follows from what is known.
//!
//! [`value`] is the one place where a parameter gets its value; the modules below hold one group
//! each, but for tags and callbacks, which are known only when stated.
//! The contract, "Rendering and encoding", says what happens where there is none.

mod call;
pub(crate) mod client;
mod device;
mod identity;
mod qualification;
pub mod recording;
mod traffic;
pub mod user_agent;
mod visit;
mod work;

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};

use crate::{
    attribution::{NOT_STATED, Traffic},
    catalogue::{AtCallStart, Group, Parameter, WhenAbsent},
    event::Trigger,
    fact::{Fact, field_names},
    id::DeliveryId,
    lead::Lead,
    site::Site,
    time::Timestamp,
    webhook::Settings,
};

pub use recording::RecordingLinks;

/// The keys of an account with which values are made.
#[derive(Clone)]
pub struct Keys {
    /// The key of `ctCallerId`. Another key gives every client another id.
    pub client_id_key: [u8; 32],
    /// How recordings are linked; `None`: they are not.
    pub recording: Option<RecordingLinks>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("recording", &self.recording).finish_non_exhaustive()
    }
}

/// All that values are made from in one rendering.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The delivery that is rendered.
    pub delivery: DeliveryId,
    /// What fired.
    pub trigger: Trigger,
    /// The lead at the version that is rendered.
    pub lead: &'a Lead,
    /// Its site as it is now.
    pub site: &'a Site,
    /// The webhook's settings.
    pub settings: &'a Settings,
    /// The account's keys.
    pub keys: &'a Keys,
    /// The time of the rendering.
    pub now: Timestamp,
    /// The lead's traffic by the webhook's attribution model.
    pub traffic: &'a Traffic<'a>,
    /// The names of changed parameters, comma-separated; `None` when nothing was delivered in the lane yet.
    pub changed_fields: Option<&'a str>,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// There is none, and no pair is sent.
    Absent,
    /// One pair.
    Text(Cow<'a, str>),
    /// Two pairs for each record: `name[0][first]`, `name[0][second]`.
    List {
        /// The names of the two fields.
        fields: [&'static str; 2],
        /// The records, in order.
        records: Cow<'a, [(String, String)]>,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The source stated it about this lead.
    Stated,
    /// It follows from something else that is known, named here.
    Derived(&'static str),
    /// The visit that the lead is owed to.
    AttributedVisit,
    /// The last visit before the lead.
    LastVisit,
    /// The latest visit that has it.
    LatestVisit,
    /// The settings of a static number.
    StaticNumber,
    /// The site's settings.
    Site,
    /// The webhook's settings.
    Webhook,
    /// The engine itself: ids and times of sending.
    Engine,
    /// Nothing is known; what stands there is sent in place of a value.
    None,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stated => f.write_str("stated by the source"),
            Self::Derived(from) => write!(f, "derived from {from}"),
            Self::AttributedVisit => f.write_str("attributed visit"),
            Self::LastVisit => f.write_str("last visit"),
            Self::LatestVisit => f.write_str("latest visit that has it"),
            Self::StaticNumber => f.write_str("static number"),
            Self::Site => f.write_str("site settings"),
            Self::Webhook => f.write_str("webhook settings"),
            Self::Engine => f.write_str("engine"),
            Self::None => f.write_str("not known"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value, where it comes from, and what should be said about it to whoever looks at a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valued<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Where it comes from.
    pub origin: Origin,
    /// Why it is not there, or is not what might be expected.
    pub note: Option<&'static str>,
}

impl<'a> Valued<'a> {
    fn text(text: impl Into<Cow<'a, str>>, origin: Origin) -> Self {
        Self { value: Value::Text(text.into()), origin, note: None }
    }

    /// A text that may not be there, or may be empty, which is the same.
    fn optional(text: Option<impl Into<Cow<'a, str>>>, origin: Origin) -> Self {
        match text.map(Into::into).filter(|text| !text.is_empty()) {
            Some(text) => Self::text(text, origin),
            None => Self::absent(),
        }
    }

    fn absent() -> Self {
        Self { value: Value::Absent, origin: Origin::None, note: None }
    }

    /// The same, holding what it speaks of.
    pub(crate) fn into_owned(self) -> Valued<'static> {
        let value = match self.value {
            Value::Absent => Value::Absent,
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List { fields, records } => {
                Value::List { fields, records: Cow::Owned(records.into_owned()) }
            }
        };
        Valued { value, origin: self.origin, note: self.note }
    }

    fn absent_because(note: &'static str) -> Self {
        Self { note: Some(note), ..Self::absent() }
    }
}

/// What is sent for a parameter in this rendering; [`Value::Absent`] where no pair is.
///
/// The lead's kind must have the parameter ([`Parameter::exists_for`]).
pub fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    if let Some(withheld) = withheld(parameter, view) {
        return withheld;
    }
    let known = known(parameter, view);
    if known.value != Value::Absent {
        return known;
    }
    let stand_in = match parameter.row().when_absent {
        WhenAbsent::Null => "null",
        WhenAbsent::Empty => "",
        WhenAbsent::Undefined => "undefined",
        WhenAbsent::Unspecified => NOT_STATED,
        WhenAbsent::Zero => "0",
        WhenAbsent::Omitted | WhenAbsent::Never => return known,
    };
    Valued { value: Value::Text(Cow::Borrowed(stand_in)), ..known }
}

/// Facts of a call that are not sent before it is over.
const KNOWN_AT_THE_END: [Parameter; 5] = [
    Parameter::Duration,
    Parameter::WaitingTime,
    Parameter::Status,
    Parameter::TargetCall,
    Parameter::UniqTargetCall,
];

/// What the moment forbids, whatever is known.
fn withheld<'a>(parameter: Parameter, view: &View<'a>) -> Option<Valued<'a>> {
    if view.trigger != Trigger::CallStarted {
        let waits = view.lead.is_call_in_progress() && KNOWN_AT_THE_END.contains(&parameter);
        return waits.then(|| Valued::absent_because("not sent before the call is over"));
    }
    const NOTE: &str = "not available at the call's start";
    match parameter.row().at_call_start {
        AtCallStart::Omitted => Some(Valued::absent_because(NOTE)),
        AtCallStart::Undefined => {
            Some(Valued { note: Some(NOTE), ..Valued::text("undefined", Origin::None) })
        }
        AtCallStart::BySite if !view.site.sip_call_id_at_start => {
            Some(Valued::absent_because("sent at the call's start only if the site says so"))
        }
        _ => None,
    }
}

/// What is known: stated on the lead, which wins, or found by the parameter's group.
fn known<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    // Of these the stated fact is not what is sent, or not always.
    if !matches!(parameter, Parameter::RecLink | Parameter::CallUrl)
        && let Some(value) = stated(parameter, view.lead)
    {
        return Valued { value, origin: Origin::Stated, note: None };
    }
    match parameter.row().group {
        Group::Identity => identity::value(parameter, view),
        Group::Client => client::value(parameter, view),
        Group::Call | Group::Request => call::value(parameter, view),
        Group::Qualification => qualification::value(parameter, view),
        Group::Work => work::value(parameter),
        Group::Traffic => traffic::value(parameter, view),
        Group::Visit => visit::value(parameter, view),
        Group::Device => device::value(parameter, view),
        // Known only when stated.
        Group::Tags | Group::Callback => Valued::absent(),
    }
}

/// A stated fact in the form in which it is sent; `None` when it is not stated or says nothing.
fn stated<'a>(parameter: Parameter, lead: &'a Lead) -> Option<Value<'a>> {
    let text = match lead.facts.get(&parameter)? {
        Fact::Text(text) => Cow::Borrowed(text.as_str()),
        Fact::Int(number) => Cow::Owned(number.to_string()),
        Fact::Bool(yes) => Cow::Borrowed(bool_word(*yes)),
        Fact::Tags(tags) if tags.len() == 1 => Cow::Borrowed(tags[0].as_str()),
        Fact::Tags(tags) => Cow::Owned(tags.join(",")),
        Fact::Object(map) if map.is_empty() => return None,
        Fact::Object(map) => {
            Cow::Owned(serde_json::to_string(map).expect("an object with texts for names always makes JSON"))
        }
        Fact::Records(records) if records.is_empty() => return None,
        Fact::Records(records) => {
            let fields = field_names(parameter.row().values);
            return Some(Value::List { fields, records: Cow::Borrowed(records) });
        }
    };
    (!text.is_empty()).then_some(Value::Text(text))
}

fn bool_word(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

#[cfg(test)]
mod tests;
