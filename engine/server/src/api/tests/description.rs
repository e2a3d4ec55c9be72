//! The API's description and what else clients look up: as the code has it.

use std::{collections::BTreeSet, path::Path};

use leadhook_core::{
    address::AddressPolicy,
    catalogue::ALL,
    event::{Event, EventKind, Trigger},
    fault::Faults,
    id::SiteId,
    resend::Wanted,
    settings::Known,
    site::Site,
    webhook::Settings,
};

use super::*;
use crate::api::openapi;

fn schemas() -> Value {
    serde_json::to_value(openapi()).unwrap()["components"]["schemas"].clone()
}

/// The names of a schema's properties.
fn properties(schemas: &Value, name: &str) -> BTreeSet<String> {
    let properties =
        schemas[name]["properties"].as_object().unwrap_or_else(|| panic!("{name} has no properties"));
    properties.keys().cloned().collect()
}

/// The names that a parser knows at `path`, as its fault about the field `?` there tells them.
fn known(faults: &Faults, path: &str) -> BTreeSet<String> {
    let fault = faults.0.iter().find(|fault| fault.path == path && fault.code == "unknown_field");
    let fault = fault.unwrap_or_else(|| panic!("no fault at {path}: {faults}"));
    let (_, names) = fault.detail.split_once("the fields are ").unwrap();
    names.split("`, `").map(|name| name.trim_matches('`').to_owned()).collect()
}

fn settings_faults(value: &Value) -> Faults {
    Settings::parse(value, &Known { addresses: &AddressPolicy::default(), account: None }).unwrap_err()
}

#[test]
fn a_resend_is_described_with_the_fields_that_are_read() {
    let faults = Wanted::parse(&json!({"?": 1})).unwrap_err();
    assert_eq!(properties(&schemas(), "ResendWanted"), known(&faults, "?"));
}

#[test]
fn settings_are_described_with_the_fields_that_are_read() {
    let odd = || json!({"?": 1});
    let schemas = schemas();
    let faults = settings_faults(&json!({
        "?": 1, "leads": odd(), "traffic": [[odd()]], "sending": odd(), "parameters": odd(), "transform": [odd()],
        "signing": odd(), "success": odd(), "retry": odd(), "rate": odd(),
    }));
    let rows = [
        ("WebhookSettings", "?"),
        ("LeadClasses", "leads.?"),
        ("Condition", "traffic[0][0].?"),
        ("Sending", "sending.?"),
        ("ParameterChoice", "parameters.?"),
        ("Link", "transform[0].?"),
        ("Signing", "signing.?"),
        ("Retry", "retry.?"),
        ("RateLimits", "rate.?"),
    ];
    for (name, path) in rows {
        assert_eq!(properties(&schemas, name), known(&faults, path), "{name}");
    }
    let example = &schemas["WebhookSettings"]["example"];
    Settings::parse(example, &Known { addresses: &AddressPolicy::default(), account: None }).unwrap();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.word()).collect();
    assert_eq!(schemas["Trigger"]["enum"], json!(triggers));
}

#[test]
fn sites_are_described_with_the_fields_that_are_read() {
    let schemas = schemas();
    let site = |value: &Value| Site::parse(SiteId::new("1").unwrap(), 1, value);
    let faults = site(&json!({"?": 1, "target_call": {"?": 1}, "working_hours": {"?": 1}})).unwrap_err();
    for (name, path) in [("Site", "?"), ("TargetCall", "target_call.?"), ("WorkingHours", "working_hours.?")]
    {
        assert_eq!(properties(&schemas, name), known(&faults, path), "{name}");
    }
    site(&schemas["Site"]["example"]).unwrap();
}

#[test]
fn events_are_described_with_the_fields_that_are_read() {
    let schemas = schemas();
    let mut odd = event("call.ended", json!({"visits": [{"?": 1}]}));
    odd["?"] = json!(1);
    odd["lead"]["?"] = json!(1);
    let faults = Event::parse(&odd).unwrap_err();
    for (name, path) in [("Event", "?"), ("LeadOfEvent", "lead.?"), ("Visit", "data.visits[0].?")] {
        assert_eq!(properties(&schemas, name), known(&faults, path), "{name}");
    }
    Event::parse(&schemas["Event"]["example"]).unwrap();
    let kinds: Vec<_> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(schemas["EventType"]["enum"], json!(kinds));
    for fact in properties(&schemas, "Facts") {
        let is_unknown = |kind| {
            let read = Event::parse(&event(kind, json!({&fact: null})));
            read.is_err_and(|faults| faults.to_string().contains("there is no fact"))
        };
        assert!(!is_unknown("call.ended") && !is_unknown("request.created"), "{fact}");
    }
}

#[test]
fn every_reference_in_the_description_is_defined() {
    let document = serde_json::to_string(&openapi()).unwrap();
    let schemas = schemas();
    for reference in document.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.get(name).is_some(), "{name} is referred to but not defined");
    }
    assert!(document.starts_with("{\"openapi\":\"3.1"), "{}", &document[..40]);
}

#[test]
fn every_call_of_the_description_has_a_name_of_its_own() {
    let document = serde_json::to_value(openapi()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let calls: Vec<_> = items.flat_map(|item| item.as_object().unwrap().values()).collect();
    let names: BTreeSet<_> = calls.iter().map(|call| call["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), calls.len());
    assert!(names.contains("webhooks_list"));
}

#[test]
fn the_page_in_docs_is_as_the_code_has_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let written = std::fs::read_to_string(page).unwrap();
    let expected = openapi().to_pretty_json().unwrap();
    assert!(written.trim_end() == expected, "docs/openapi.json is stale: `leadhook openapi` prints it anew");
}

#[tokio::test]
async fn the_description_is_served_as_json() {
    let world = World::new().await;
    let reply = world.get("/v1/openapi.json").await;
    assert_eq!(reply.header(header::CONTENT_TYPE), Some("application/json"));
    assert_eq!(reply.body, serde_json::to_value(openapi()).unwrap());
}

#[tokio::test]
async fn every_parameter_is_told_in_both_languages() {
    let world = World::new().await;
    let parameters = world.get("/v1/parameters").await.body["parameters"].clone();
    let parameters = parameters.as_array().unwrap();
    assert_eq!(parameters.len(), ALL.len());
    for parameter in parameters {
        for words in [&parameter["label"], &parameter["description"]] {
            assert!(!words["en"].as_str().unwrap().is_empty() && !words["ru"].as_str().unwrap().is_empty());
        }
    }
    let pool = parameters.iter().find(|parameter| parameter["name"] == "pool").unwrap();
    let short = ["group", "leads", "type", "values", "at_call_start", "when_absent", "stated_by_source"];
    let told: Vec<_> = short.iter().map(|name| pool[*name].clone()).collect();
    assert_eq!(
        json!(told),
        json!(["call", ["call"], "enum", "dynamic|staticOffline|staticOnline", "sent", "null", true])
    );
}

#[tokio::test]
async fn the_source_addresses_are_told() {
    let free = World::new().await.get("/v1/egress").await.body;
    assert_eq!((&free["bound"], &free["source_addresses"]), (&json!(false), &json!([])));
    let source_addresses = vec!["192.0.2.1".parse().unwrap()];
    let bound = World::with(ApiSettings { source_addresses, ..ApiSettings::default() }).await;
    let bound = bound.get("/v1/egress").await.body;
    assert_eq!((&bound["bound"], &bound["source_addresses"]), (&json!(true), &json!(["192.0.2.1"])));
}
