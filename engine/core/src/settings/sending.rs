//! Reads what a webhook subscribes to and how long it waits (the contract, "Webhook settings", rule 7).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{each, or, sending_default};
use crate::{
    event::Trigger,
    fact::shorten,
    read::Reader,
    webhook::{DELAY_MINUTES_MAX, Sending},
};

/// The most triggers that a list may hold; each of the ten may stand in it twice.
const TRIGGERS_MAX: usize = 20;

#[derive(Clone, Copy, PartialEq)]
enum Model {
    Simplified,
    EventBased,
}

pub(super) fn read(value: &Value, reader: &mut Reader) -> Option<Sending> {
    let mut fields = reader.object(value, "sending")?;
    let model = or(fields.get_non_null("model"), Model::Simplified, |value| model(value, reader));
    let on = or(fields.get_non_null("on"), None, |value| triggers(value, reader).map(Some));
    let delays = or(fields.get_non_null("delay_minutes"), Vec::new(), |value| delays(value, reader));
    fields.refuse_unknown(reader);
    match model? {
        Model::Simplified => simplified(on?, delays?, reader),
        Model::EventBased => event_based(on?, &delays?, reader),
    }
}

fn model(value: &Value, reader: &mut Reader) -> Option<Model> {
    match reader.text(value, "sending.model")? {
        "simplified" => Some(Model::Simplified),
        "event_based" => Some(Model::EventBased),
        other => {
            let detail = format!("`{}` is neither `simplified` nor `event_based`", shorten(other));
            reader.fault("sending.model", "unknown_value", detail)
        }
    }
}

fn triggers(value: &Value, reader: &mut Reader) -> Option<Vec<Trigger>> {
    let found = each(value, "sending.on", TRIGGERS_MAX, reader, |item, path, reader| {
        let word = reader.text(item, path)?;
        trigger(word, path, reader)
    })?;
    if found.is_empty() {
        return reader.fault("sending.on", "empty", "a webhook subscribes to at least one trigger");
    }
    Some(found)
}

fn trigger(word: &str, path: &str, reader: &mut Reader) -> Option<Trigger> {
    Trigger::by_word(word).or_else(|| {
        let words: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.word()).collect();
        let detail = format!("`{}` is not a trigger; they are `{}`", shorten(word), words.join("`, `"));
        reader.fault(path, "unknown_trigger", detail)
    })
}

/// Delays by trigger: of the two that may be delayed, in minutes.
fn delays(value: &Value, reader: &mut Reader) -> Option<Vec<(Trigger, u16)>> {
    let fields = reader.object(value, "sending.delay_minutes")?;
    let given = fields.entries().filter(|(_, value)| !value.is_null());
    let found: Vec<_> = given
        .map(|(word, value)| {
            let path = fields.at(&shorten(word));
            let trigger = trigger(word, &path, reader)?;
            if !matches!(trigger, Trigger::CallEnded | Trigger::RequestCreated) {
                let detail = format!("`{trigger}` cannot be delayed; `call_ended` and `request_created` can");
                return reader.fault(path, "not_delayable", detail);
            }
            let minutes = reader.integer(value, &path, 0..=i64::from(DELAY_MINUTES_MAX))?;
            Some((trigger, u16::try_from(minutes).ok()?))
        })
        .collect();
    found.into_iter().collect()
}

fn simplified(on: Option<Vec<Trigger>>, delays: Vec<(Trigger, u16)>, reader: &mut Reader) -> Option<Sending> {
    let Sending::Simplified { mut call_started, mut call_ended, mut request_created } = sending_default()
    else {
        return None;
    };
    if let Some(on) = on {
        for (index, trigger) in on.iter().enumerate().filter(|(_, trigger)| is_event_only(**trigger)) {
            let detail = format!("`{trigger}` needs `\"model\": \"event_based\"`");
            reader.fault::<()>(format!("sending.on[{index}]"), "not_in_model", detail);
        }
        call_started = on.contains(&Trigger::CallStarted);
        call_ended = on.contains(&Trigger::CallEnded).then_some(0);
        request_created = on.contains(&Trigger::RequestCreated).then_some(0);
    }
    for (trigger, minutes) in delays {
        let slot = if trigger == Trigger::CallEnded { &mut call_ended } else { &mut request_created };
        match slot {
            Some(delay) => *delay = minutes,
            None => {
                let detail = format!("`{trigger}` is delayed but not sent; add it to `sending.on`");
                reader.fault::<()>(format!("sending.delay_minutes.{trigger}"), "not_subscribed", detail);
            }
        }
    }
    Some(Sending::Simplified { call_started, call_ended, request_created })
}

fn is_event_only(trigger: Trigger) -> bool {
    !matches!(trigger, Trigger::CallStarted | Trigger::CallEnded | Trigger::RequestCreated)
}

fn event_based(on: Option<Vec<Trigger>>, delays: &[(Trigger, u16)], reader: &mut Reader) -> Option<Sending> {
    for (trigger, _) in delays {
        let detail = "the event_based model sends at once; delays need `\"model\": \"simplified\"`";
        reader.fault::<()>(format!("sending.delay_minutes.{trigger}"), "not_delayable", detail);
    }
    let Some(on) = on else {
        let detail = "the event_based model has no default triggers; name them in `on`";
        return reader.fault("sending.on", "missing", detail);
    };
    Some(Sending::EventBased(BTreeSet::from_iter(on)))
}
