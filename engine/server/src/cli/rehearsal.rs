//! Reads events for `preview` and accepts them in memory.

use leadhook_core::{
    event::Event,
    fault::{Fault, Faults},
    rehearse::{self, Rehearsed},
    site::Site,
    time::Timestamp,
};
use serde_json::Value;

/// Accepts events in order on one site. Refused are broken events, by their place in the row, and those
/// that the store would refuse.
pub(crate) fn rehearse(events: &[Value], site: &Site, now: Timestamp) -> Result<Rehearsed, Faults> {
    let parse = |(index, event)| Event::parse(event).map_err(|faults| at(index, faults));
    let events = events.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
    let rehearsed = rehearse::rehearse(events, site, now).map_err(|(index, refusal)| {
        at(index, Fault::new(refusal.path(), refusal.code(), refusal.to_string()).into())
    })?;
    rehearsed.ok_or_else(|| Fault::new("", "missing", "there is no event").into())
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

#[cfg(test)]
mod tests {
    use leadhook_core::{catalogue::Parameter, event::Trigger, id::SiteId};
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
