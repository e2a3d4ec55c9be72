//! Relay: makes events of the tracking service's own webhooks, so that a customer can point the service here as it is.
//!
//! All of it is the contract, "Events in", "Relay". Everything is stated on the lead itself and nothing as a
//! visit, since a webhook bears what one attribution model made of the visits. So what this engine sends with
//! all parameters and takes in again is sent by the same settings with the same pairs, but for
//! `changedFields`, `sendingTimestamp`, `reclink` and `ctCallerId`.

mod facts;
pub mod form;

use crate::{
    catalogue::Parameter,
    event::{Event, EventKind, Patch},
    extra,
    fact::shorten,
    fault::Faults,
    id::LeadRef,
    lead::{Lead, LeadKind},
    read::Reader,
    site::Site,
    time::Timestamp,
};

use facts::stated;
use form::Form;

/// The moment of a lead that a webhook tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    CallConnected,
    CallDisconnected,
    Request,
}

/// A webhook of the tracking service, read. Which events it is depends on what is known of its lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Relayed {
    /// The lead that it tells of.
    pub lead: LeadRef,
    phase: Phase,
    time: Timestamp,
    patch: Patch,
}

impl Relayed {
    /// Reads a webhook that came for a site at `now`; `None` for the service's own probe, which bears literal
    /// macros (`duration={duration}`), and where there is no pair. Refused, with every fault under its
    /// parameter's name: no id, no way to tell which lead or phase it is, values that their parameter cannot
    /// have, and more than a lead takes.
    pub fn read(form: Form, site: &Site, now: Timestamp) -> Result<Option<Self>, Faults> {
        if form.is_empty() || form.pairs().any(|(name, value)| is_macro(name, value)) {
            return Ok(None);
        }
        let mut reader = Reader::default();
        let relayed = read(form, site, now, &mut reader);
        reader.finish(relayed).map(Some)
    }

    /// Asks for the cities of the addresses that come without one, see [`Patch::find_cities`].
    pub fn find_cities(&mut self, look_up: impl Fn(&str) -> Option<String>) {
        self.patch.find_cities(look_up);
    }

    /// The events that it is, in their order, for a lead of which this is known: the one that happens once, or else the
    /// facts that trigger nothing and then a change for each group that differs.
    pub fn events(&self, known: Option<&Lead>) -> Vec<Event> {
        let event = |kind, patch| Event { id: None, kind, lead: self.lead.clone(), time: self.time, patch };
        let Some(known) = known.filter(|known| self.once(known).is_none()) else {
            let kind = known.and_then(|known| self.once(known)).unwrap_or_else(|| self.first());
            return vec![event(kind, self.patch.clone())];
        };
        let mut rest = self.patch.clone();
        rest.facts.retain(|parameter, _| change_of(*parameter).is_none());
        let changes = CHANGES.iter().filter_map(|kind| {
            let mut patch = Patch { facts: self.patch.facts.clone(), ..Patch::default() };
            patch.facts.retain(|parameter, _| change_of(*parameter) == Some(*kind));
            let differs = patch.facts.iter().any(|(name, fact)| known.facts.get(name) != fact.as_ref());
            differs.then(|| event(*kind, patch))
        });
        std::iter::once(event(EventKind::LeadUpdated, rest)).chain(changes).collect()
    }

    /// The event that makes the lead known.
    fn first(&self) -> EventKind {
        match self.phase {
            Phase::CallConnected => EventKind::CallStarted,
            Phase::CallDisconnected => EventKind::CallEnded,
            Phase::Request => EventKind::RequestCreated,
        }
    }

    /// The event that happens once to a known lead, where this webhook is it. A start that comes after the end is
    /// one too: it fills what is missing.
    fn once(&self, known: &Lead) -> Option<EventKind> {
        let happens = match self.phase {
            Phase::CallConnected | Phase::CallDisconnected => {
                known.happened.call_ended == (self.phase == Phase::CallConnected)
            }
            Phase::Request => !known.happened.request_created,
        };
        happens.then(|| self.first())
    }
}

/// The groups of facts whose change is an event of its own, in the order of the contract.
const CHANGES: [EventKind; 7] = [
    EventKind::CallStatusChanged,
    EventKind::CallSpamChanged,
    EventKind::CallTranscribed,
    EventKind::LeadTagsChanged,
    EventKind::LeadCommentsChanged,
    EventKind::LeadManagerChanged,
    EventKind::LeadRatingChanged,
];

fn change_of(parameter: Parameter) -> Option<EventKind> {
    match parameter {
        Parameter::Status => Some(EventKind::CallStatusChanged),
        Parameter::Spam => Some(EventKind::CallSpamChanged),
        Parameter::Text => Some(EventKind::CallTranscribed),
        Parameter::Comment => Some(EventKind::LeadCommentsChanged),
        Parameter::Manager => Some(EventKind::LeadManagerChanged),
        Parameter::Rating => Some(EventKind::LeadRatingChanged),
        tags => tags.is_tags().then_some(EventKind::LeadTagsChanged),
    }
}

/// Whether a pair is a macro that the service did not fill in: a parameter's own, or under another name any.
fn is_macro(name: &str, value: &str) -> bool {
    let inner = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
    let named = inner.and_then(Parameter::by_name);
    let own = Parameter::by_name(extra::root(name));
    named.is_some_and(|named| own.is_none_or(|parameter| parameter == named))
}

/// Every part is read before the first `?`, so that one round tells all faults.
fn read(form: Form, site: &Site, now: Timestamp, reader: &mut Reader) -> Option<Relayed> {
    let kind = kind(&form, reader)?;
    let id = id(&form, kind, reader);
    let phase = match kind {
        LeadKind::Call => call_phase(&form, reader),
        LeadKind::Request => Some(Phase::Request),
    };
    // Never later than now: a source whose clock is fast must not make all that follows look old.
    let sent_at = facts::unix_seconds(&form, Parameter::SendingTimestamp, reader).unwrap_or(now).min(now);
    let patch = facts::patch(form, kind, site, reader);
    let lead = LeadRef { site: site.id.clone(), kind, id: id? };
    Some(Relayed { lead, phase: phase?, time: sent_at, patch })
}

fn kind(form: &Form, reader: &mut Reader) -> Option<LeadKind> {
    let is_stated = |parameter| stated(form, parameter).is_some();
    match stated(form, Parameter::LeadType) {
        Some(word) => LeadKind::by_word(word).or_else(|| {
            let detail = format!("`{}` is neither `call` nor `request`", shorten(word));
            reader.fault("leadtype", "unknown_lead_type", detail)
        }),
        None if is_stated(Parameter::RequestId) => Some(LeadKind::Request),
        None if is_stated(Parameter::Id) || is_stated(Parameter::CallPhase) => Some(LeadKind::Call),
        None => {
            let detail = "nothing says whether it is a call or a request; have the service send `leadtype`";
            reader.fault("leadtype", "missing", detail)
        }
    }
}

fn id(form: &Form, kind: LeadKind, reader: &mut Reader) -> Option<String> {
    let parameter = match kind {
        LeadKind::Call => Parameter::Id,
        LeadKind::Request => Parameter::RequestId,
    };
    let name = parameter.name();
    let Some(id) = stated(form, parameter) else {
        let detail = format!("the lead is known by `{name}`; have the service send it");
        return reader.fault(name, "missing", detail);
    };
    if id.len() > LeadRef::ID_BYTES_MAX || id.chars().any(char::is_control) {
        let detail = format!("an id has 1 to {} bytes and no control characters", LeadRef::ID_BYTES_MAX);
        return reader.fault(name, "bad_id", detail);
    }
    Some(id.to_owned())
}

/// `callphase`, or else that there is what is known only at the end.
fn call_phase(form: &Form, reader: &mut Reader) -> Option<Phase> {
    const AT_THE_END: [Parameter; 3] = [Parameter::Duration, Parameter::WaitingTime, Parameter::Status];
    match stated(form, Parameter::CallPhase) {
        Some("callconnected") => Some(Phase::CallConnected),
        Some("calldisconnected") => Some(Phase::CallDisconnected),
        Some(word) => {
            let detail = format!("`{}` is neither `callconnected` nor `calldisconnected`", shorten(word));
            reader.fault("callphase", "unknown_value", detail)
        }
        None if AT_THE_END.iter().any(|one| stated(form, *one).is_some()) => Some(Phase::CallDisconnected),
        None => {
            let detail = "nothing says whether the call is over; have the service send `callphase`";
            reader.fault("callphase", "missing", detail)
        }
    }
}

#[cfg(test)]
mod tests;
