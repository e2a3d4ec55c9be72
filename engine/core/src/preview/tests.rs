//! What a preview shows.

use serde_json::json;

use super::*;
use crate::{
    event::Trigger,
    lead::LeadKind,
    render::fixture::{NOW, Stage},
};

#[test]
fn the_sample_leads_have_every_parameter() {
    let tracked = json!({ "tracked_url_params": ["abtest"] });
    for (kind, trigger) in
        [(LeadKind::Call, Trigger::CallEnded), (LeadKind::Request, Trigger::RequestCreated)]
    {
        let stage = Stage::sample(kind, json!({})).on_site(tracked.clone());
        let preview = preview(&stage.scene(trigger, None));
        for shown in &preview.parameters {
            // Nothing was delivered yet, which is all that a sample cannot have.
            let known = shown.origin != Origin::None || shown.name == "changedFields";
            assert!(known && shown.sent, "{shown:?}");
        }
        let count = ALL.iter().filter(|parameter| parameter.exists_for(kind)).count();
        assert_eq!(preview.parameters.len(), count);
    }
}

#[test]
fn a_preview_is_the_request_that_would_be_sent() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    let shown = preview(&stage.scene(Trigger::CallEnded, None));
    let sent = stage.render(Trigger::CallEnded, None).request;
    assert_eq!((shown.url, shown.headers, shown.body.into_bytes()), (sent.url, sent.headers, sent.body));
    assert_eq!(shown.verdict, Verdict::Send);
}

#[test]
fn every_value_tells_its_origin_and_why_it_is_not_sent() {
    let settings = json!({ "parameters": { "except": ["id"], "rename": { "callerphone": "phone" } } });
    let stage = Stage::sample(LeadKind::Call, settings);
    let preview = serde_json::to_value(preview(&stage.scene(Trigger::CallStarted, None))).unwrap();
    let find = |name: &str| {
        let parameters = preview["parameters"].as_array().unwrap();
        parameters.iter().find(|shown| shown["name"] == name).unwrap().clone()
    };
    let phone = json!({ "name": "callerphone", "sent_as": "phone", "value": "79990000001",
        "origin": "stated by the source", "sent": true, "note": null });
    assert_eq!(find("callerphone"), phone);
    let left_out = find("id");
    assert_eq!((&left_out["sent"], &left_out["value"]), (&json!(false), &json!("1000000001")));
    assert!(left_out["note"].as_str().unwrap().contains("left out"));
    assert_eq!((&find("duration")["value"], &find("duration")["sent"]), (&json!(null), &json!(false)));
    assert_eq!(find("source")["origin"], "attributed visit");
    assert_eq!(find("sessionId")["origin"], "last visit");
    assert_eq!(find("browser")["origin"], "derived from userAgent");
    assert_eq!(preview["verdict"], json!({ "decision": "send" }));
}

#[test]
fn lists_are_shown_as_lists_and_a_skip_with_its_reason_and_request() {
    let stage = Stage::sample(LeadKind::Call, json!({ "tags": ["other"], "method": "GET" }));
    let preview = serde_json::to_value(preview(&stage.scene(Trigger::CallEnded, None))).unwrap();
    assert_eq!(preview["verdict"]["decision"], "skip");
    assert!(!preview["verdict"]["reason"].as_str().unwrap().is_empty());
    let parameters = preview["parameters"].as_array().unwrap();
    let comment = parameters.iter().find(|shown| shown["name"] == "comment").unwrap();
    assert_eq!(comment["value"][1], json!({ "party": "Олег", "comment": "Перезвонили" }));
    assert!(preview["url"].as_str().unwrap().contains("&comment%5B1%5D%5Bparty%5D="));
    assert_eq!((&preview["body"], &preview["method"]), (&json!(""), &json!("GET")));
}

#[test]
fn a_url_over_8_kib_is_warned_of() {
    let mut stage = Stage::sample(LeadKind::Call, json!({ "method": "GET" }));
    let long = crate::fact::Fact::Text("x".repeat(9_000));
    stage.lead.facts.insert(Parameter::Manager, long);
    assert_eq!(preview(&stage.scene(Trigger::CallEnded, None)).warnings.len(), 1);
}

#[test]
fn a_sample_call_is_over_and_lies_before_now() {
    let lead = sample_lead(LeadKind::Call, &Stage::sample(LeadKind::Call, json!({})).site.id, NOW);
    assert!(lead.start.at < NOW && !lead.is_call_in_progress());
    assert!(lead.visits.is_sorted_by_key(|visit| visit.at));
}
