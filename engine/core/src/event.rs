//! An event: something that happened to a lead, as a source posts it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Parameter,
    city::Cities,
    extra::Extra,
    fact::{self, Fact, FactPatch, is_made_by_engine, shorten},
    fault::Faults,
    id::{LeadRef, SiteId},
    json::{Tree, View},
    lead::LeadKind,
    read::{Path, Reader},
    time::Timestamp,
    visit::{self, Visit},
};

/// The most bytes one event may have as JSON text.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// The most bytes an event's id may have.
pub const EVENT_ID_BYTES_MAX: usize = 200;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            pub fn by_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What an event says has happened.
    EventKind {
        /// A call began.
        CallStarted "call.started",
        /// A call ended; its first makes an unknown call known.
        CallEnded "call.ended",
        /// A request was left on the site.
        RequestCreated "request.created",
        /// The call's status changed.
        CallStatusChanged "call.status_changed",
        /// The spam mark changed.
        CallSpamChanged "call.spam_changed",
        /// The call was transcribed.
        CallTranscribed "call.transcribed",
        /// Tags changed.
        LeadTagsChanged "lead.tags_changed",
        /// Comments changed.
        LeadCommentsChanged "lead.comments_changed",
        /// The manager changed.
        LeadManagerChanged "lead.manager_changed",
        /// The rating changed.
        LeadRatingChanged "lead.rating_changed",
        /// Other facts became known; triggers nothing.
        LeadUpdated "lead.updated",
    }
}

words! {
    /// What a webhook can subscribe to.
    Trigger {
        /// A call began.
        CallStarted "call_started",
        /// A call ended.
        CallEnded "call_ended",
        /// A request was left on the site.
        RequestCreated "request_created",
        /// The call's status changed.
        CallStatusChanged "call_status_changed",
        /// The spam mark changed.
        CallSpamChanged "call_spam_changed",
        /// The call was transcribed.
        CallTranscribed "call_transcribed",
        /// Tags changed.
        LeadTagsChanged "lead_tags_changed",
        /// Comments changed.
        LeadCommentsChanged "lead_comments_changed",
        /// The manager changed.
        LeadManagerChanged "lead_manager_changed",
        /// The rating changed.
        LeadRatingChanged "lead_rating_changed",
    }
}

impl EventKind {
    /// The trigger that an event of this kind may fire.
    pub fn trigger(self) -> Option<Trigger> {
        let index = Self::ALL.iter().position(|kind| *kind == self)?;
        Trigger::ALL.get(index).copied()
    }

    /// The only kind of lead that it can happen to, where there is only one.
    pub fn only_for(self) -> Option<LeadKind> {
        match self.word().split_once('.') {
            Some(("call", _)) => Some(LeadKind::Call),
            Some(("request", _)) => Some(LeadKind::Request),
            _ => None,
        }
    }

    /// Whether it makes a lead that is not known yet.
    pub fn makes_lead(self) -> bool {
        matches!(self, Self::CallStarted | Self::CallEnded | Self::RequestCreated)
    }
}

impl Trigger {
    /// Whether leads of this kind can fire it.
    pub fn exists_for(self, kind: LeadKind) -> bool {
        match self {
            Self::RequestCreated => kind == LeadKind::Request,
            Self::LeadTagsChanged
            | Self::LeadCommentsChanged
            | Self::LeadManagerChanged
            | Self::LeadRatingChanged => true,
            _ => kind == LeadKind::Call,
        }
    }
}

/// A merge patch (RFC 7396) of all that a source may state. The outer `Option` says whether it is
/// stated, the inner `None` takes it back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch {
    /// Facts by parameter.
    pub facts: FactPatch,
    /// When the lead began.
    pub started_at: Option<Option<Timestamp>>,
    /// The source of a static number.
    pub pool_source: Option<Option<String>>,
    /// The medium of a static number.
    pub pool_medium: Option<Option<String>>,
    /// Visits to be united with those known.
    pub visits: Vec<Visit>,
    /// What the catalogue does not know; only a relayed webhook states such.
    pub extra: Extra,
    /// The cities of addresses among these that were looked up, see [`Patch::find_cities`].
    pub cities: Cities,
}

/// Something that happened to a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The source's idempotency key; the engine makes one where it is left out.
    pub id: Option<String>,
    /// What happened.
    pub kind: EventKind,
    /// To which lead.
    pub lead: LeadRef,
    /// When, by the source's clock.
    pub time: Timestamp,
    /// What became known with it.
    pub patch: Patch,
}

impl Event {
    /// Reads an event. Refused, with every fault at once: anything but the fields of the contract,
    /// facts that the engine makes itself, facts the lead's kind does not have, and values over their limits.
    pub fn parse(value: &impl Tree) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let event = read_event(value, &mut reader);
        reader.finish(event)
    }
}

fn read_event(value: &impl Tree, reader: &mut Reader) -> Option<Event> {
    let mut fields = reader.object(value, "")?;
    let id = match fields.get_non_null("id") {
        Some(value) => read_id(value, "id", EVENT_ID_BYTES_MAX, reader).map(Some),
        None => Some(None),
    };
    let kind = fields.required(reader, "type").and_then(|value| read_kind(value, reader));
    let site = fields.required(reader, "site").and_then(|value| read_site(value, reader));
    let lead = fields.required(reader, "lead").and_then(|value| read_lead(value, reader));
    let time = fields.required(reader, "time").and_then(|value| reader.time(value, "time"));
    let data = fields.get_non_null("data");
    fields.refuse_unknown(reader);
    let lead_kind = lead.as_ref().map(|(kind, _)| *kind);
    if let (Some(kind), Some(lead_kind)) = (kind, lead_kind)
        && kind.only_for().is_some_and(|only| only != lead_kind)
    {
        reader.fault::<()>(
            "lead.type",
            "wrong_lead_type",
            format!("`{kind}` cannot happen to a {lead_kind}"),
        );
    }
    let patch = match data {
        Some(value) => read_patch(value, lead_kind, reader),
        None => Some(Patch::default()),
    };
    let (kind_of_lead, lead_id) = lead?;
    let lead = LeadRef { site: site?, kind: kind_of_lead, id: lead_id };
    Some(Event { id: id?, kind: kind?, lead, time: time?, patch: patch? })
}

fn read_kind(value: &impl Tree, reader: &mut Reader) -> Option<EventKind> {
    let word = reader.text(value, "type")?;
    EventKind::by_word(word).or_else(|| {
        let words: Vec<_> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        let detail = format!("`{}` is not an event type; they are `{}`", shorten(word), words.join("`, `"));
        reader.fault("type", "unknown_event_type", detail)
    })
}

fn read_site(value: &impl Tree, reader: &mut Reader) -> Option<SiteId> {
    let text = read_id(value, "site", SiteId::CHARACTERS_MAX, reader)?;
    SiteId::new(&text).or_else(|| {
        reader.fault("site", "bad_site_id", "a site's id has 1 to 64 characters of A-Z a-z 0-9 . _ -")
    })
}

fn read_lead(value: &impl Tree, reader: &mut Reader) -> Option<(LeadKind, String)> {
    let mut fields = reader.object(value, "lead")?;
    let kind = fields.required(reader, "type").and_then(|value| {
        let word = reader.text(value, "lead.type")?;
        LeadKind::by_word(word).or_else(|| {
            let detail = format!("`{}` is neither `call` nor `request`", shorten(word));
            reader.fault("lead.type", "unknown_lead_type", detail)
        })
    });
    let id = fields
        .required(reader, "id")
        .and_then(|value| read_id(value, "lead.id", LeadRef::ID_BYTES_MAX, reader));
    fields.refuse_unknown(reader);
    Some((kind?, id?))
}

/// An id is text without control characters; whole numbers are taken as their digits.
fn read_id(value: &impl Tree, path: &str, bytes_max: usize, reader: &mut Reader) -> Option<String> {
    let text = match value.view() {
        View::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => reader.text(value, path)?.to_owned(),
    };
    if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        return reader.fault(
            path,
            "bad_id",
            format!("an id has 1 to {bytes_max} bytes and no control characters"),
        );
    }
    Some(text)
}

fn read_patch(value: &impl Tree, lead_kind: Option<LeadKind>, reader: &mut Reader) -> Option<Patch> {
    let fields = reader.object(value, "data")?;
    let mut patch = Patch::default();
    for (name, value) in fields.entries() {
        let path = fields.path_of(name);
        match name {
            "started_at" => patch.started_at = Some(nullable(value, |value| reader.time(value, path))),
            "pool_source" => {
                patch.pool_source = Some(nullable(value, |value| plain_text(value, reader, path)));
            }
            "pool_medium" => {
                patch.pool_medium = Some(nullable(value, |value| plain_text(value, reader, path)));
            }
            "visits" => {
                if let Some(visits) = visit::read(value, reader, path) {
                    patch.visits = visits;
                }
            }
            _ => read_fact(name, value, lead_kind, &mut patch, reader),
        }
    }
    Some(patch)
}

fn nullable<V: Tree, T>(value: &V, read: impl FnOnce(&V) -> Option<T>) -> Option<T> {
    if matches!(value.view(), View::Null) { None } else { read(value) }
}

fn plain_text(value: &impl Tree, reader: &mut Reader, path: Path<'_>) -> Option<String> {
    match fact::read_text(value, reader, path)? {
        Fact::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn read_fact(
    name: &str,
    value: &impl Tree,
    lead_kind: Option<LeadKind>,
    patch: &mut Patch,
    reader: &mut Reader,
) {
    let path = || format!("data.{}", shorten(name));
    let Some(parameter) = Parameter::by_name(name) else {
        let detail = format!(
            "there is no fact `{}`; facts have the names of parameters, as GET /v1/parameters lists them",
            shorten(name)
        );
        reader.fault::<()>(path(), "unknown_fact", detail);
        return;
    };
    if is_made_by_engine(parameter) {
        let detail =
            format!("`{name}` is made by the engine and cannot be stated; times come from `started_at`");
        reader.fault::<()>(path(), "not_a_fact", detail);
        return;
    }
    if let Some(kind) = lead_kind.filter(|kind| !parameter.exists_for(*kind)) {
        reader.fault::<()>(path(), "wrong_lead_type", format!("a {kind} has no `{name}`"));
        return;
    }
    if matches!(value.view(), View::Null) {
        patch.facts.insert(parameter, None);
    } else if let Some(fact) = Fact::read(parameter, value, reader, Path::Field(&"data".into(), name)) {
        patch.facts.insert(parameter, Some(fact));
    }
}
