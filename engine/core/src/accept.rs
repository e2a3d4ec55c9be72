//! Accepting an event: what it changes about its lead, and which deliveries it makes owed.
//!
//! A pure decision; the store carries it out in one transaction and only then is the event acknowledged.

use std::sync::Arc;

use crate::{
    catalogue::Parameter,
    city,
    delivery::{Delivery, Source, State},
    event::{Event, EventKind, Patch, Trigger},
    extra::{self, Extra},
    fact::{self, Fact, FactPatch, Facts},
    id::{DeliveryId, Lane, LeadRef},
    lead::{Cause, Decided, Effect, Happened, Lead, Start},
    phone,
    qualify::{self, Question, Trace},
    site::Site,
    time::{MINUTE_MS, Serial, Timestamp},
    visit,
    webhook::Webhook,
};

/// What an event is accepted against.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The lead's site.
    pub site: &'a Site,
    /// The account's webhooks.
    pub webhooks: &'a [Arc<Webhook>],
    /// The moment of acceptance.
    pub now: Timestamp,
}

/// What an accepted event changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The lead's new version.
    pub lead: Lead,
    /// The event, as a line of the lead's history.
    pub cause: Cause,
    /// What is owed now.
    pub deliveries: Vec<Delivery>,
    /// Traces of the client that this version leaves and the one before did not.
    pub traces_added: Vec<Trace>,
    /// Traces that the version before left and this one does not.
    pub traces_removed: Vec<Trace>,
}

/// Why a well-formed event is refused. Nothing is stored of it, and it uses up no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account has no such site.
    #[error("the account has no site `{0}`; make it with PUT /v1/sites/{0}")]
    UnknownSite(String),
    /// Only `call.started`, `call.ended` and `request.created` make a lead known.
    #[error("no lead {lead} is known; `{kind}` can only follow the event that makes it known")]
    UnknownLead {
        /// The lead.
        lead: LeadRef,
        /// The event's type.
        kind: EventKind,
    },
    /// The lead was erased with its client; what else comes of it would be kept against the client's will.
    #[error("the lead {0} was erased on request; nothing more is kept of it")]
    Erased(LeadRef),
}

impl Refusal {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSite(_) => "unknown_site",
            Self::UnknownLead { .. } => "unknown_lead",
            Self::Erased(_) => "erased",
        }
    }

    /// Where in the event the fault is.
    pub fn path(&self) -> &'static str {
        match self {
            Self::UnknownSite(_) => "site",
            Self::UnknownLead { .. } | Self::Erased(_) => "lead.id",
        }
    }
}

/// Decides what `event` changes. `known` is the lead's newest version; `last` the last serial given
/// out, advanced for each one used; `seen` answers from the kept traces of clients.
pub fn accept(
    event: Event,
    event_id: String,
    known: Option<Lead>,
    scene: Scene<'_>,
    last: &mut Serial,
    seen: &mut dyn FnMut(&Question<'_>) -> bool,
) -> Result<Accepted, Refusal> {
    if known.is_none() && !event.kind.makes_lead() {
        return Err(Refusal::UnknownLead { lead: event.lead, kind: event.kind });
    }
    let Event { kind, lead: reference, time, patch, .. } = event;
    let before = known;
    let mut lead = match &before {
        Some(lead) => lead.clone(),
        None => fresh_lead(reference, kind, time, &patch, scene, last),
    };
    let fills_only = before.as_ref().is_some_and(|lead| {
        time < lead.newest_event_time || (kind == EventKind::CallStarted && lead.happened.call_ended)
    });
    apply(&mut lead, patch, fills_only, &scene.site.country);
    lead.newest_event_time = lead.newest_event_time.max(time);
    lead.decided = qualify::decide(&lead, before.is_none(), scene.site, seen);

    let trigger = kind.trigger().filter(|trigger| fires(*trigger, before.as_ref(), &lead));
    mark_happened(&mut lead.happened, kind);
    let effect = match &before {
        Some(before) if *before == (Lead { newest_event_time: before.newest_event_time, ..lead.clone() }) => {
            Effect::Unchanged
        }
        Some(_) if fills_only => Effect::FilledAbsent,
        _ => Effect::Applied,
    };
    lead.version += 1;

    let deliveries = trigger.map_or_else(Vec::new, |trigger| owed(&lead, trigger, time, scene, last));
    let (old, new) = (before.as_ref().map_or_else(Vec::new, qualify::traces), qualify::traces(&lead));
    Ok(Accepted {
        cause: Cause {
            event_id,
            kind,
            time,
            accepted_at: scene.now,
            effect,
            deliveries: deliveries.iter().map(|delivery| delivery.id).collect(),
        },
        traces_added: new.iter().filter(|trace| !old.contains(trace)).cloned().collect(),
        traces_removed: old.into_iter().filter(|trace| !new.contains(trace)).collect(),
        deliveries,
        lead,
    })
}

fn fresh_lead(
    reference: LeadRef,
    kind: EventKind,
    time: Timestamp,
    patch: &Patch,
    scene: Scene<'_>,
    last: &mut Serial,
) -> Lead {
    *last = last.next(scene.now);
    let seconds = |parameter| match patch.facts.get(&parameter) {
        Some(Some(Fact::Int(seconds))) => *seconds,
        _ => 0,
    };
    let lasted = match kind {
        EventKind::CallEnded => seconds(Parameter::Duration) + seconds(Parameter::WaitingTime),
        _ => 0,
    };
    Lead {
        reference,
        serial: *last,
        version: 0,
        newest_event_time: time,
        start: Start { at: time.plus_ms(-lasted * 1000), stated: false },
        happened: Happened::default(),
        facts: Facts::new(),
        pool_source: None,
        pool_medium: None,
        visits: Vec::new(),
        decided: Decided::default(),
        extra: Extra::new(),
    }
}

/// Merges what became known. With `fills_only`, what is known already stays as it is.
fn apply(lead: &mut Lead, patch: Patch, fills_only: bool, country: &str) {
    let mut facts = patch.facts;
    normalise_phones(&mut facts, country);
    if fills_only {
        facts.retain(|parameter, fact| fact.is_some() && !lead.facts.contains_key(parameter));
    }
    fact::merge(&mut lead.facts, facts);
    merge_option(&mut lead.pool_source, patch.pool_source, fills_only);
    merge_option(&mut lead.pool_medium, patch.pool_medium, fills_only);
    extra::merge(&mut lead.extra, patch.extra, fills_only);
    match patch.started_at {
        Some(Some(at)) if !(fills_only && lead.start.stated) => lead.start = Start { at, stated: true },
        Some(None) if !fills_only => lead.start.stated = false,
        _ => {}
    }
    if fills_only {
        let known = std::mem::replace(&mut lead.visits, patch.visits);
        visit::unite(&mut lead.visits, known);
    } else {
        visit::unite(&mut lead.visits, patch.visits);
    }
    city::fill(lead, &patch.cities);
}

fn merge_option(known: &mut Option<String>, stated: Option<Option<String>>, fills_only: bool) {
    match stated {
        Some(value) if !fills_only => *known = value,
        Some(value @ Some(_)) if known.is_none() => *known = value,
        _ => {}
    }
}

fn normalise_phones(facts: &mut FactPatch, country: &str) {
    for parameter in [Parameter::CallerPhone, Parameter::PhoneNumber, Parameter::RedirectNumber] {
        if let Some(Some(Fact::Text(number))) = facts.get_mut(&parameter) {
            *number = phone::normalise(number, country);
        }
    }
}

/// Whether the event fires its trigger: once per lead for what happens once, else only on a change of
/// the trigger's own facts.
fn fires(trigger: Trigger, before: Option<&Lead>, after: &Lead) -> bool {
    let happened = before.map(|lead| lead.happened).unwrap_or_default();
    match trigger {
        Trigger::CallStarted => !happened.call_started && !happened.call_ended,
        Trigger::CallEnded => !happened.call_ended,
        Trigger::RequestCreated => !happened.request_created,
        _ => before.is_some_and(|before| own_facts(trigger, before) != own_facts(trigger, after)),
    }
}

fn mark_happened(happened: &mut Happened, kind: EventKind) {
    match kind {
        EventKind::CallStarted => happened.call_started = true,
        EventKind::CallEnded => happened.call_ended = true,
        EventKind::RequestCreated => happened.request_created = true,
        _ => {}
    }
}

/// The facts that a trigger is about, as they count: a mark that was never set equals one that is off.
fn own_facts(trigger: Trigger, lead: &Lead) -> Vec<Option<Fact>> {
    let text = |parameter| lead.text(parameter).map(|text| Fact::Text(text.to_owned()));
    let stated = |parameter| match lead.facts.get(&parameter) {
        Some(Fact::Tags(tags)) if tags.is_empty() => None,
        Some(Fact::Records(records)) if records.is_empty() => None,
        other => other.cloned(),
    };
    match trigger {
        Trigger::CallStatusChanged => {
            let word = |seconds| if seconds > 0 { "successful" } else { "unsuccessful" };
            let derived =
                || lead.int(Parameter::Duration).map(|seconds| Fact::Text(word(seconds).to_owned()));
            vec![text(Parameter::Status).or_else(derived)]
        }
        Trigger::CallSpamChanged => vec![Some(Fact::Bool(lead.bool(Parameter::Spam).unwrap_or(false)))],
        Trigger::CallTranscribed => vec![stated(Parameter::Text)],
        Trigger::LeadCommentsChanged => vec![stated(Parameter::Comment)],
        Trigger::LeadManagerChanged => vec![text(Parameter::Manager)],
        Trigger::LeadRatingChanged => vec![Some(Fact::Int(lead.int(Parameter::Rating).unwrap_or(0)))],
        Trigger::LeadTagsChanged => {
            let tags = crate::catalogue::ALL.iter().filter(|parameter| parameter.is_tags());
            tags.map(|parameter| stated(*parameter)).collect()
        }
        Trigger::CallStarted | Trigger::CallEnded | Trigger::RequestCreated => Vec::new(),
    }
}

/// What each subscribed webhook is owed for this trigger.
fn owed(
    lead: &Lead,
    trigger: Trigger,
    time: Timestamp,
    scene: Scene<'_>,
    last: &mut Serial,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let takes = |webhook: &&Arc<Webhook>| webhook.is_on() && webhook.takes_site(&lead.reference.site);
    for webhook in scene.webhooks.iter().filter(takes) {
        let Some(sending) = webhook.sending_for(lead.serial) else { continue };
        let Some(delay_minutes) = sending.delay_minutes(trigger) else { continue };
        *last = last.next(scene.now);
        let source = match sending.renders_as_of_event(trigger) {
            true => Source::Version(lead.version),
            false => Source::Latest,
        };
        deliveries.push(Delivery {
            id: DeliveryId { lane: Lane { webhook: webhook.id, lead: lead.serial }, serial: *last },
            lead: lead.reference.clone(),
            trigger,
            occurred_at: time,
            source,
            state: State::Scheduled { due: scene.now.plus_ms(i64::from(delay_minutes) * MINUTE_MS) },
            renderings: Vec::new(),
            attempts: Vec::new(),
            runs: Vec::new(),
            resend_of: None,
            resends: Vec::new(),
        });
    }
    deliveries
}

#[cfg(test)]
mod tests;
