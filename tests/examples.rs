//! The examples of leads, settings and a site are what the engine takes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use leadhook_core::{
    address::AddressPolicy,
    catalogue::Parameter,
    event::{Event, EventKind},
    fact::Fact,
    fault::Faults,
    id::SiteId,
    lead::LeadKind,
    settings::Known,
    site::Site,
    webhook::Settings,
};
use leadhook_tests::{files, has_extension, root};
use serde_json::Value;

const SITE: &str = "60001";

/// Every JSON file of a folder of examples, by name.
fn examples(folder: &str) -> BTreeMap<String, Value> {
    let folder = root().join("examples").join(folder);
    let read = |path: &Path| {
        let text = fs::read_to_string(folder.join(path)).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name.clone(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files(&folder).iter().filter(|path| has_extension(path, "json")).map(|path| read(path)).collect()
}

/// A file holds one event or an array of them.
fn parse(file: &Value) -> Result<Vec<Event>, Faults> {
    match file {
        Value::Array(events) => events.iter().map(Event::parse).collect(),
        one => Ok(vec![Event::parse(one)?]),
    }
}

fn leads() -> BTreeMap<String, Vec<Event>> {
    let parsed = |(name, file): (String, Value)| {
        let events = parse(&file).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        (name, events)
    };
    examples("leads").into_iter().map(parsed).collect()
}

#[test]
fn every_example_of_a_lead_is_read_and_told_in_order() {
    let leads = leads();
    assert!(leads.len() >= 10, "{:?}", leads.keys());
    let mut ids = BTreeSet::new();
    for (name, events) in &leads {
        assert!(!events.is_empty(), "{name} is empty");
        assert!(events[0].kind.makes_lead(), "{name} begins with what makes a lead");
        assert!(events.is_sorted_by_key(|event| event.time), "{name} is in order");
        for event in events {
            assert_eq!(event.lead.site.as_str(), SITE, "{name}");
            assert_eq!(event.lead, events[0].lead, "{name} is about one lead");
            assert!(ids.insert(event.id.clone().expect("an id")), "{name}: an id of its own for each event");
        }
    }
}

#[test]
fn a_fact_that_does_not_exist_would_be_found() {
    let file = examples("leads").remove("call-missed").unwrap();
    let text = file.to_string().replace("waiting_time", "waiting_seconds");
    let faults = parse(&serde_json::from_str(&text).unwrap()).unwrap_err();
    assert!(faults.to_string().contains("waiting_seconds"), "{faults}");
}

#[test]
fn between_them_the_leads_show_what_leads_can_be() {
    let leads = leads();
    let all = || leads.values().flatten();
    let kinds: BTreeSet<_> = all().map(|event| event.kind).collect();
    for kind in EventKind::ALL {
        assert!(kinds.contains(kind), "no example has `{kind}`");
    }
    let has = |parameter| all().any(|event| event.patch.facts.contains_key(&parameter));
    for parameter in
        [Parameter::CallbackRequestId, Parameter::TagsRequest, Parameter::Comment, Parameter::RecLink]
    {
        assert!(has(parameter), "no example has `{}`", parameter.name());
    }
    let phrases = |event: &Event| match event.patch.facts.get(&Parameter::Text) {
        Some(Some(Fact::Records(phrases))) => phrases.len(),
        _ => 0,
    };
    assert!(all().any(|event| phrases(event) >= 200), "no example has a long transcript");
    assert!(all().any(|event| event.patch.pool_source.is_some()), "no example has a static number");
    let email_only = |event: &&Event| {
        let facts = &event.patch.facts;
        event.lead.kind == LeadKind::Request && !facts.contains_key(&Parameter::CallerPhone)
    };
    assert_eq!(all().filter(email_only).count(), 1, "one request is by e-mail only");
}

#[test]
fn phones_and_hosts_are_nobodys() {
    let text: String = examples("leads").values().map(Value::to_string).collect();
    let phone = regex::Regex::new(r#""(?:callerphone|phonenumber|redirectNumber)":"([^"@]+)""#).unwrap();
    for found in phone.captures_iter(&text) {
        let digits: String = found[1].chars().filter(char::is_ascii_digit).collect();
        assert!(digits[1..].starts_with("999000"), "{} could be somebody's", &found[1]);
    }
    let host = regex::Regex::new(r"(?:https?://|@)([a-z0-9.-]+)").unwrap();
    // Search engines are known by their hosts.
    let engines = ["yandex.ru", "www.google.com"];
    for found in host.captures_iter(&text) {
        assert!(
            found[1].ends_with(".example") || engines.contains(&&found[1]),
            "{} is somebody's",
            &found[1]
        );
    }
}

#[test]
fn every_example_of_settings_can_be_saved() {
    let addresses = AddressPolicy::new(Vec::new());
    let known = Known { addresses: &addresses, account: None };
    let all = examples("settings");
    assert!(all.len() >= 5, "{:?}", all.keys());
    for (name, settings) in &all {
        Settings::parse(settings, &known).unwrap_or_else(|faults| panic!("{name}: {faults}"));
    }
    let mut bad = all["get"].clone();
    bad["method"] = "PUT".into();
    Settings::parse(&bad, &known).unwrap_err();
}

#[test]
fn the_example_of_a_site_can_be_saved_and_tracks_what_the_leads_bring() {
    let value =
        serde_json::from_str(&fs::read_to_string(root().join("examples/site.json")).unwrap()).unwrap();
    let site = Site::parse(SiteId::new(SITE).unwrap(), 1, &value).unwrap_or_else(|faults| panic!("{faults}"));
    let form = examples("leads")["request-form"].to_string();
    assert!(!site.tracked_url_params.is_empty());
    for tracked in &site.tracked_url_params {
        assert!(form.contains(&format!("&{tracked}=")), "no lead brings `{tracked}`");
    }
}
