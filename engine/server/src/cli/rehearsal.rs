//! Events accepted in memory, as the store would accept them: what `preview` makes a lead of.

use std::collections::HashMap;

use leadhook_core::{
    accept::{self, Scene, accept},
    event::{Event, Trigger},
    fault::{Fault, Faults},
    id::LeadRef,
    lead::Lead,
    qualify::{Question, Trace},
    site::Site,
    time::{Serial, Timestamp},
};
use serde_json::Value;

/// What became of a row of events.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// The lead of the last event, as that left it.
    pub(crate) lead: Lead,
    /// The last trigger that this lead can have fired.
    pub(crate) trigger: Option<Trigger>,
}

/// Accepts events in order on one site. Refused are broken events, by their place in the row, and those
/// that the store would refuse.
pub(crate) fn rehearse(events: &[Value], site: &Site, now: Timestamp) -> Result<Rehearsed, Faults> {
    let mut stage = Stage { site, now, leads: HashMap::new(), traces: Vec::new(), last: Serial::default() };
    let mut last = None;
    for (index, event) in events.iter().enumerate() {
        let at = |faults| at(index, faults);
        let event = Event::parse(event).map_err(at)?;
        let (reference, trigger) = (event.lead.clone(), event.kind.trigger());
        stage
            .accept(event)
            .map_err(|refusal| at(Fault::new(refusal.path(), refusal.code(), refusal.to_string()).into()))?;
        let before = last.take().filter(|(known, _)| *known == reference);
        last = Some((reference, trigger.or(before.and_then(|(_, trigger)| trigger))));
    }
    let missing = || Fault::new("", "missing", "there is no event");
    let (reference, trigger) = last.ok_or_else(missing)?;
    let lead = stage.leads.remove(&reference).ok_or_else(missing)?;
    Ok(Rehearsed { lead, trigger })
}

/// The faults of the event at `index`, under its place in the row.
fn at(index: usize, mut faults: Faults) -> Faults {
    for fault in &mut faults.0 {
        fault.path = match fault.path.as_str() {
            "" => format!("[{index}]"),
            path => format!("[{index}].{path}"),
        };
    }
    faults
}

struct Stage<'a> {
    site: &'a Site,
    now: Timestamp,
    leads: HashMap<LeadRef, Lead>,
    traces: Vec<Trace>,
    last: Serial,
}

impl Stage<'_> {
    fn accept(&mut self, event: Event) -> Result<(), accept::Refusal> {
        if event.lead.site != self.site.id {
            return Err(accept::Refusal::UnknownSite(event.lead.site.to_string()));
        }
        let reference = event.lead.clone();
        let known = self.leads.get(&reference).cloned();
        let scene = Scene { site: self.site, webhooks: &[], now: self.now };
        let traces = &self.traces;
        let mut seen = |question: &Question<'_>| traces.iter().any(|trace| answers(trace, question));
        let accepted = accept(event, String::new(), known, scene, &mut self.last, &mut seen)?;
        self.traces.retain(|trace| !accepted.traces_removed.contains(trace));
        self.traces.extend(accepted.traces_added);
        self.leads.insert(reference, accepted.lead);
        Ok(())
    }
}

fn answers(trace: &Trace, question: &Question<'_>) -> bool {
    trace.site == *question.site
        && trace.client == *question.client
        && trace.kind == question.kind
        && (question.from..question.before).contains(&trace.started)
}

#[cfg(test)]
mod tests {
    use leadhook_core::{catalogue::Parameter, id::SiteId};
    use serde_json::json;

    use super::*;

    fn event(kind: &str, id: &str, minute: u32, data: &Value) -> Value {
        let lead = json!({ "type": "call", "id": id });
        json!({ "type": kind, "site": "60001", "lead": lead, "time": format!("2026-03-01T10:{minute:02}:00Z"), "data": data })
    }

    fn rehearsed(events: &[Value]) -> Result<Rehearsed, Faults> {
        let site = Site::new(SiteId::new("60001").unwrap());
        rehearse(events, &site, Timestamp(1_800_000_000_000))
    }

    #[test]
    fn the_lead_of_the_last_event_is_made_with_all_before_it() {
        let phone = json!({ "callerphone": "79990000001", "duration": 60 });
        let events = [
            event("call.ended", "1", 1, &phone),
            event("call.ended", "2", 5, &phone),
            event("lead.tags_changed", "2", 6, &json!({ "tags_manual": ["VIP"] })),
            event("lead.updated", "2", 7, &json!({ "orderId": "D-1" })),
        ];
        let made = rehearsed(&events[..3]).unwrap();
        assert_eq!(made.lead.reference.id, "2");
        assert_eq!(made.lead.tags(Parameter::TagsManual), ["VIP"]);
        assert!(!made.lead.decided.unique, "the same client called before");
        assert_eq!(made.trigger, Some(Trigger::LeadTagsChanged));
        assert!(rehearsed(&events[..1]).unwrap().lead.decided.unique);
        let made = rehearsed(&events).unwrap();
        assert_eq!(made.trigger, Some(Trigger::LeadTagsChanged), "`lead.updated` fires nothing");
    }

    #[test]
    fn a_refused_event_is_named_by_its_place() {
        let broken = json!({ "type": "call.ended" });
        let good = event("call.ended", "1", 1, &json!({}));
        let faults = rehearsed(&[good.clone(), broken]).unwrap_err();
        assert!(faults.0.iter().all(|fault| fault.path.starts_with("[1].")), "{faults}");
        let unknown = event("lead.tags_changed", "9", 1, &json!({}));
        assert_eq!(rehearsed(&[good.clone(), unknown]).unwrap_err().0[0].path, "[1].lead.id");
        let mut elsewhere = good;
        elsewhere["site"] = json!("70000");
        assert_eq!(rehearsed(&[elsewhere]).unwrap_err().0[0].code, "unknown_site");
        assert_eq!(rehearsed(&[]).unwrap_err().0[0].code, "missing");
    }
}
