//! Reads what a preview is asked for, and finds or makes it: settings, a lead, its site, what fires.

use std::sync::Arc;

use leadhook_core::{
    event::{Event, Trigger},
    fact::shorten,
    fault::{Fault, Faults},
    id::{AccountId, LeadRef, SiteId, WebhookId},
    lead::{Lead, LeadKind},
    preview::sample_lead,
    read::Reader,
    rehearse::{Rehearsed, rehearse},
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::{LeadClass, Settings, Switch},
};
use serde_json::Value;

use crate::api::{Api, problem::Problem, query::SITE_ID_FORM};

/// The most events that a preview makes a lead of.
const EVENTS_MAX: usize = 100;

/// What was asked for, well formed.
pub(super) struct Wanted {
    pub(super) webhook: WebhookWanted,
    pub(super) lead: LeadWanted,
    pub(super) trigger: Option<Trigger>,
}

pub(in crate::api) enum WebhookWanted {
    Saved(WebhookId),
    Given(Box<Settings>),
}

pub(in crate::api) enum LeadWanted {
    Sample,
    Known(LeadRef),
    Made(Vec<Event>),
}

/// Settings to show; of a saved webhook, or given.
pub(in crate::api) struct WebhookFound {
    pub(in crate::api) id: Option<WebhookId>,
    pub(in crate::api) revision: u32,
    pub(in crate::api) settings: Arc<Settings>,
}

/// What is shown of it.
pub(in crate::api) struct Subject {
    pub(in crate::api) lead: Lead,
    pub(in crate::api) site: Arc<Site>,
    pub(in crate::api) trigger: Trigger,
    /// Whether the lead is one that the engine knows, and may have sent before.
    pub(in crate::api) is_known: bool,
}

/// Reads what is asked for; every fault at once.
pub(super) fn read(body: &Value, known: &Known<'_>) -> Result<Wanted, Faults> {
    let mut reader = Reader::default();
    let mut within = Vec::new();
    let wanted = read_fields(body, known, &mut reader, &mut within);
    match (reader.finish(Some(())), wanted) {
        (Ok(()), Some(wanted)) if within.is_empty() => Ok(wanted),
        (finished, _) => {
            let mut faults = finished.err().map_or_else(Vec::new, |faults| faults.0);
            faults.append(&mut within);
            Err(Faults(faults))
        }
    }
}

fn read_fields(
    body: &Value,
    known: &Known<'_>,
    reader: &mut Reader,
    within: &mut Vec<Fault>,
) -> Option<Wanted> {
    let mut fields = reader.object(body, "")?;
    let webhook = fields.required(reader, "webhook");
    let webhook = webhook.and_then(|value| read_webhook(value, known, reader, within));
    let lead = match fields.get_non_null("lead") {
        Some(value) => read_lead(value, reader, within),
        None => Some(LeadWanted::Sample),
    };
    let trigger = match fields.get_non_null("trigger") {
        Some(value) => read_trigger(value, reader).map(Some),
        None => Some(None),
    };
    fields.refuse_unknown(reader);
    Some(Wanted { webhook: webhook?, lead: lead?, trigger: trigger? })
}

pub(in crate::api) fn read_webhook(
    value: &Value,
    known: &Known<'_>,
    reader: &mut Reader,
    within: &mut Vec<Fault>,
) -> Option<WebhookWanted> {
    match value {
        Value::Object(_) => match Settings::parse(value, known) {
            Ok(settings) => Some(WebhookWanted::Given(Box::new(settings))),
            Err(faults) => none_but(faults, "webhook", within),
        },
        Value::String(text) => match text.parse() {
            Ok(id) => Some(WebhookWanted::Saved(id)),
            Err(error) => {
                let error: leadhook_core::id::NotAnId = error;
                reader.fault("webhook", "bad_webhook_id", error.to_string())
            }
        },
        _ => reader.fault("webhook", "wrong_type", "expected a webhook's id, or settings"),
    }
}

pub(in crate::api) fn read_trigger(value: &Value, reader: &mut Reader) -> Option<Trigger> {
    let word = reader.text(value, "trigger")?;
    Trigger::by_word(word).or_else(|| {
        let words: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.word()).collect();
        let detail = format!("`{}` is not a trigger; they are `{}`", shorten(word), words.join("`, `"));
        reader.fault("trigger", "unknown_trigger", detail)
    })
}

pub(in crate::api) fn read_lead(
    value: &Value,
    reader: &mut Reader,
    within: &mut Vec<Fault>,
) -> Option<LeadWanted> {
    match value {
        Value::Array(items) if items.is_empty() => {
            reader.fault("lead", "empty", "no event is named; leave `lead` out for a sample lead")
        }
        Value::Array(_) => read_events(reader.array(value, "lead", EVENTS_MAX)?, within),
        // Only an event names its lead within.
        Value::Object(fields) if fields.contains_key("lead") => match Event::parse(value) {
            Ok(event) => Some(LeadWanted::Made(vec![event])),
            Err(faults) => none_but(faults, "lead", within),
        },
        _ => read_reference(value, reader).map(LeadWanted::Known),
    }
}

fn read_reference(value: &Value, reader: &mut Reader) -> Option<LeadRef> {
    let mut fields = reader.object(value, "lead")?;
    let site = fields.required(reader, "site").and_then(|value| {
        let text = reader.text(value, "lead.site")?;
        SiteId::new(text).or_else(|| reader.fault("lead.site", "bad_site_id", SITE_ID_FORM))
    });
    let kind = fields.required(reader, "type").and_then(|value| {
        let word = reader.text(value, "lead.type")?;
        let detail = || format!("`{}` is neither `call` nor `request`", shorten(word));
        LeadKind::by_word(word).or_else(|| reader.fault("lead.type", "unknown_lead_type", detail()))
    });
    let id = fields.required(reader, "id").and_then(|value| reader.text(value, "lead.id"));
    fields.refuse_unknown(reader);
    Some(LeadRef { site: site?, kind: kind?, id: id?.to_owned() })
}

fn read_events(items: &[Value], within: &mut Vec<Fault>) -> Option<LeadWanted> {
    let mut events: Vec<Event> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("lead[{index}]");
        match Event::parse(item) {
            Ok(event) if events.first().is_some_and(|first| first.lead != event.lead) => {
                let detail = "a preview shows one lead; this event is of another than the first";
                within.push(Fault::new(format!("{path}.lead"), "other_lead", detail));
            }
            Ok(event) => events.push(event),
            Err(faults) => none_but::<()>(faults, &path, within).unwrap_or_default(),
        }
    }
    (events.len() == items.len()).then_some(LeadWanted::Made(events))
}

/// Notes the faults of something that stands at `path`.
fn none_but<T>(faults: Faults, path: &str, within: &mut Vec<Fault>) -> Option<T> {
    within.extend(faults.0.into_iter().map(|mut fault| {
        fault.path = if fault.path.is_empty() { path.to_owned() } else { format!("{path}.{}", fault.path) };
        fault
    }));
    None
}

/// The settings to show.
pub(in crate::api) async fn webhook(
    api: &Api,
    account: AccountId,
    wanted: WebhookWanted,
) -> Result<WebhookFound, Problem> {
    let id = match wanted {
        WebhookWanted::Given(settings) => {
            return Ok(WebhookFound { id: None, revision: 1, settings: Arc::from(settings) });
        }
        WebhookWanted::Saved(id) => id,
    };
    let found = api.engine.store().webhook(account, id).await?;
    match found.filter(|webhook| webhook.switch != Switch::Deleted) {
        Some(webhook) => Ok(WebhookFound {
            id: Some(id),
            revision: webhook.revision,
            settings: Arc::clone(&webhook.settings),
        }),
        None => {
            Err(Problem::fault("webhook", "unknown_webhook", format!("the account has no webhook `{id}`")))
        }
    }
}

/// The lead to show, with its site and what fires.
pub(in crate::api) async fn subject(
    api: &Api,
    account: AccountId,
    wanted: LeadWanted,
    trigger: Option<Trigger>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Subject, Problem> {
    let (lead, site, last_trigger, is_known) = match wanted {
        LeadWanted::Sample => {
            let site = site_for_sample(api, account, settings).await?;
            let lead = sample_lead(sample_kind(trigger, settings), &site.id, now);
            (lead, site, None, false)
        }
        LeadWanted::Known(reference) => {
            let Some((lead, _)) = api.engine.store().lead(account, &reference).await? else {
                return Err(Problem::fault("lead", "unknown_lead", format!("no lead {reference} is known")));
            };
            let site = site_of(api, account, &reference.site).await?;
            (lead, site, None, true)
        }
        LeadWanted::Made(mut events) => {
            let Some(first) = events.first() else {
                return Err(Problem::fault("lead", "empty", "no event is named"));
            };
            let site = site_of(api, account, &first.lead.site).await?;
            api.engine.find_cities(&mut events);
            let Rehearsed { lead, trigger } = made(events, &site, now)?;
            (lead, site, trigger, false)
        }
    };
    let kind = lead.reference.kind;
    let trigger = trigger.or(last_trigger).unwrap_or(match kind {
        LeadKind::Request => Trigger::RequestCreated,
        LeadKind::Call if lead.is_call_in_progress() => Trigger::CallStarted,
        LeadKind::Call => Trigger::CallEnded,
    });
    if !trigger.exists_for(kind) {
        let detail = format!("`{trigger}` cannot happen to a {kind}");
        return Err(Problem::fault("trigger", "wrong_lead_type", detail));
    }
    Ok(Subject { lead, site, trigger, is_known })
}

fn sample_kind(trigger: Option<Trigger>, settings: &Settings) -> LeadKind {
    match trigger {
        Some(trigger) if !trigger.exists_for(LeadKind::Call) => LeadKind::Request,
        None if settings.calls == LeadClass::None => LeadKind::Request,
        _ => LeadKind::Call,
    }
}

/// A site of the account that the webhook takes, or one about which nothing is set.
async fn site_for_sample(api: &Api, account: AccountId, settings: &Settings) -> Result<Arc<Site>, Problem> {
    let takes = |site: &Arc<Site>| settings.sites.as_ref().is_none_or(|sites| sites.contains(&site.id));
    let known = api.engine.store().sites(account).await?.into_iter().find(takes);
    Ok(known
        .unwrap_or_else(|| Arc::new(Site::new(SiteId::new("sample").expect("a plain word is a site id")))))
}

/// The account's site of this id, or one about which nothing is set.
async fn site_of(api: &Api, account: AccountId, id: &SiteId) -> Result<Arc<Site>, Problem> {
    let known = api.engine.store().site(account, id).await?;
    Ok(known.unwrap_or_else(|| Arc::new(Site::new(id.clone()))))
}

/// The lead that these events make, as its client's first.
fn made(events: Vec<Event>, site: &Site, now: Timestamp) -> Result<Rehearsed, Problem> {
    let rehearsed = rehearse(events, site, now).map_err(|(index, refusal)| {
        Problem::fault(&format!("lead[{index}].{}", refusal.path()), refusal.code(), refusal.to_string())
    })?;
    rehearsed.ok_or_else(|| Problem::fault("lead", "empty", "no event is named"))
}
