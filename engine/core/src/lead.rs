//! A lead as the engine knows it: what was stated, what was decided about it and kept, and what happened to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Parameter,
    event::{EventKind, words},
    extra::Extra,
    fact::{Fact, Facts},
    id::{DeliveryId, LeadRef},
    time::{Serial, Timestamp},
    visit::Visit,
};

words! {
    /// A call, or a request: a form sent on a site.
    LeadKind {
        /// Somebody called.
        Call "call",
        /// Somebody sent a form.
        Request "request",
    }
}

/// When a lead began, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The moment, which decides where local time is ambiguous.
    pub at: Timestamp,
    /// Whether the source stated it (`started_at`) or it follows from an event's time.
    pub stated: bool,
}

/// Which of the events that happen once have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Happened {
    /// `call.started` was accepted.
    pub call_started: bool,
    /// `call.ended` was accepted: the call is over.
    pub call_ended: bool,
    /// `request.created` was accepted.
    pub request_created: bool,
}

/// What was decided about the lead once and is kept, where the source did not state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decided {
    /// No earlier lead of this client within the uniqueness depth; decided at arrival.
    pub unique: bool,
    /// Whether the lead met the site's bounds for a target lead when that could first be said; `None` before.
    pub target: Option<bool>,
    /// The client's first target lead within the depth; decided together with `target`.
    pub unique_target: Option<bool>,
}

/// A lead at one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// How the source knows it.
    pub reference: LeadRef,
    /// Its number in the order of arrival, which also tells when it arrived.
    pub serial: Serial,
    /// How many events were accepted for it: 1 after the first.
    pub version: u32,
    /// The newest `time` among its accepted events.
    pub newest_event_time: Timestamp,
    /// When it began.
    pub start: Start,
    /// What of the once-only events has happened.
    pub happened: Happened,
    /// What the source stated.
    #[serde(deserialize_with = "crate::fact::from_row")]
    pub facts: Facts,
    /// The source that a static number stands for.
    pub pool_source: Option<String>,
    /// The medium that a static number stands for.
    pub pool_medium: Option<String>,
    /// The visitor's visits, oldest first.
    pub visits: Vec<Visit>,
    /// What was decided and kept.
    pub decided: Decided,
    /// What a relayed webhook bore beyond the catalogue.
    pub extra: Extra,
}

impl Lead {
    /// The stated text of a parameter; `None` when not stated or empty.
    pub fn text(&self, parameter: Parameter) -> Option<&str> {
        match self.facts.get(&parameter) {
            Some(Fact::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The stated number of a parameter.
    pub fn int(&self, parameter: Parameter) -> Option<i64> {
        match self.facts.get(&parameter) {
            Some(Fact::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// The stated yes or no of a parameter.
    pub fn bool(&self, parameter: Parameter) -> Option<bool> {
        match self.facts.get(&parameter) {
            Some(Fact::Bool(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// The stated tags of a parameter; none when not stated.
    pub fn tags(&self, parameter: Parameter) -> &[String] {
        match self.facts.get(&parameter) {
            Some(Fact::Tags(tags)) => tags,
            _ => &[],
        }
    }

    /// The stated elements of a list parameter; none when not stated.
    pub fn records(&self, parameter: Parameter) -> &[(String, String)] {
        match self.facts.get(&parameter) {
            Some(Fact::Records(records)) => records,
            _ => &[],
        }
    }

    /// Whether the lead is a call that is not over yet.
    pub fn is_call_in_progress(&self) -> bool {
        self.reference.kind == LeadKind::Call && !self.happened.call_ended
    }
}

words! {
    /// What an accepted event did to its lead.
    Effect {
        /// It made the lead or changed it.
        Applied "applied",
        /// It was older than the newest event and only filled facts that were absent.
        FilledAbsent "filled_absent",
        /// It said nothing new.
        Unchanged "unchanged",
    }
}

/// The event that made a version of a lead: one line of its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The event's id, the source's or one the engine made.
    pub event_id: String,
    /// What happened.
    pub kind: EventKind,
    /// When, by the source's clock.
    pub time: Timestamp,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What it did.
    pub effect: Effect,
    /// The deliveries it made owed.
    pub deliveries: Vec<DeliveryId>,
}
