//! Tests of the filters: what each takes, what it holds back, and the words for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{address::AddressPolicy, settings::Known};

fn settings(mut fields: Value) -> Settings {
    fields["url"] = json!("https://crm.example/hook");
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    Settings::parse(&fields, &known).unwrap()
}

/// A lead that every default takes; tests change what they are about.
struct Sample {
    trigger: Trigger,
    kind: LeadKind,
    unique: bool,
    target: bool,
    unique_target: bool,
    tags: Vec<&'static str>,
    traffic: BTreeMap<Parameter, &'static str>,
}

impl Default for Sample {
    fn default() -> Self {
        let (trigger, kind) = (Trigger::CallEnded, LeadKind::Call);
        Self {
            trigger,
            kind,
            unique: true,
            target: true,
            unique_target: true,
            tags: vec![],
            traffic: BTreeMap::new(),
        }
    }
}

fn judge(settings: &Settings, sample: &Sample) -> Option<String> {
    let traffic_value =
        |parameter: Parameter| sample.traffic.get(&parameter).copied().unwrap_or("<не указано>").to_owned();
    verdict(&Filtered {
        settings,
        trigger: sample.trigger,
        site: &SiteId::new("60001").unwrap(),
        kind: sample.kind,
        unique: sample.unique,
        target: sample.target,
        unique_target: sample.unique_target,
        tags: sample.tags.clone(),
        traffic_value: &traffic_value,
    })
}

fn tagged(tags: &[&'static str]) -> Sample {
    Sample { tags: tags.to_vec(), ..Sample::default() }
}

fn traffic(values: &[(Parameter, &'static str)]) -> Sample {
    Sample { traffic: values.iter().copied().collect(), ..Sample::default() }
}

#[test]
fn without_filters_every_lead_is_taken() {
    assert_eq!(
        judge(&settings(json!({})), &Sample { unique: false, target: false, ..Sample::default() }),
        None
    );
}

#[test]
fn only_the_named_sites_are_taken() {
    assert_eq!(judge(&settings(json!({ "sites": ["60001", "7"] })), &Sample::default()), None);
    let reason = judge(&settings(json!({ "sites": ["7", "8"] })), &Sample::default());
    assert_eq!(reason.as_deref(), Some("the lead is of site 60001, and the webhook takes only: 7, 8"));
}

#[test]
fn leads_are_taken_by_their_class_calls_and_requests_apart() {
    let sample = |kind, unique, target, unique_target| {
        let trigger = match kind {
            LeadKind::Call => Trigger::CallEnded,
            LeadKind::Request => Trigger::RequestCreated,
        };
        Sample { trigger, kind, unique, target, unique_target, ..Sample::default() }
    };
    let rows = [
        ("all", sample(LeadKind::Call, false, false, false), None),
        ("none", sample(LeadKind::Call, true, true, true), Some("the webhook takes no calls")),
        ("unique", sample(LeadKind::Call, true, false, false), None),
        (
            "unique",
            sample(LeadKind::Call, false, true, true),
            Some("the call is not unique, and the webhook takes only unique calls"),
        ),
        ("target", sample(LeadKind::Call, false, true, false), None),
        (
            "target",
            sample(LeadKind::Call, true, false, true),
            Some("the call is not a target call, and the webhook takes only target calls"),
        ),
        ("unique_target", sample(LeadKind::Call, false, false, true), None),
        (
            "unique_target",
            sample(LeadKind::Call, true, true, false),
            Some("the call is not its client's first target call, and the webhook takes only those"),
        ),
    ];
    for (class, sample, reason) in rows {
        assert_eq!(
            judge(&settings(json!({ "leads": { "calls": class } })), &sample).as_deref(),
            reason,
            "{class}"
        );
        let request = Sample { kind: LeadKind::Request, trigger: Trigger::RequestCreated, ..sample };
        assert_eq!(judge(&settings(json!({ "leads": { "calls": class } })), &request), None);
        let reason = reason.map(|reason| reason.replace("call", "request"));
        assert_eq!(judge(&settings(json!({ "leads": { "requests": class } })), &request), reason);
    }
}

#[test]
fn rule_1_the_tag_filter_and_target_are_not_applied_to_call_started() {
    let started = Sample {
        trigger: Trigger::CallStarted,
        target: false,
        unique_target: false,
        unique: false,
        ..Sample::default()
    };
    for fields in [
        json!({ "tags": ["Sales"] }),
        json!({ "leads": { "calls": "target" } }),
        json!({ "leads": { "calls": "unique_target" } }),
    ] {
        let settings = settings(fields.clone());
        assert_eq!(judge(&settings, &started), None, "{fields}");
        for trigger in [Trigger::CallEnded, Trigger::LeadTagsChanged] {
            let sample = Sample { trigger, target: false, unique_target: false, ..Sample::default() };
            assert!(judge(&settings, &sample).is_some(), "{fields}");
        }
    }
    for fields in [json!({ "leads": { "calls": "unique" } }), json!({ "leads": { "calls": "none" } })] {
        assert!(judge(&settings(fields.clone()), &started).is_some(), "{fields}");
    }
}

#[test]
fn any_tag_suffices_whatever_its_case_and_the_space_around_it() {
    let settings = settings(json!({ "tags": ["Отдел продаж", "VIP"] }));
    assert_eq!(judge(&settings, &tagged(&["Спам", " отдел ПРОДАЖ "])), None);
    assert_eq!(judge(&settings, &tagged(&["vip"])), None);
    assert_eq!(
        judge(&settings, &tagged(&["Спам", "VIP-2"])).as_deref(),
        Some("the lead has none of the tags «Отдел продаж», «VIP»; its tags are: «Спам», «VIP-2»")
    );
    assert_eq!(
        judge(&settings, &tagged(&[])).as_deref(),
        Some("the lead has none of the tags «Отдел продаж», «VIP»; it has no tags")
    );
}

#[test]
fn a_reason_names_a_few_tags_and_counts_the_rest() {
    let reason = judge(&settings(json!({ "tags": ["x"] })), &tagged(&["1", "2", "3", "4", "5", "6", "7"]));
    assert!(reason.unwrap().ends_with("its tags are: «1», «2», «3», «4», «5», 2 more"));
}

#[test]
fn every_operator_compares_the_value_as_it_would_be_sent() {
    use Parameter::{HostName, Medium, Source, Url, UtmSource};
    let rows = [
        (json!({ "parameter": "medium", "is": ["cpc", "CPM"] }), (Medium, "cpm"), None),
        (
            json!({ "parameter": "medium", "is": ["cpc", "cpm"] }),
            (Medium, "Organic"),
            Some("medium is «Organic», not «cpc» or «cpm»"),
        ),
        (json!({ "parameter": "utm_source", "is": ["<НЕ указано>"] }), (Source, "yandex"), None),
        (
            json!({ "parameter": "utm_source", "is_not": ["<не указано>"] }),
            (Source, "x"),
            Some("utm_source is «<не указано>», which is excluded"),
        ),
        (json!({ "parameter": "source", "is": [""] }), (Source, ""), None),
        (json!({ "parameter": "source", "is_not": ["(direct)"] }), (Source, "yandex"), None),
        (json!({ "parameter": "source", "contains": ["ЯНДЕКС"] }), (Source, "Яндекс Директ"), None),
        (
            json!({ "parameter": "source", "contains": ["yandex"] }),
            (Source, "google"),
            Some("source is «google», without «yandex»"),
        ),
        (
            json!({ "parameter": "source", "contains_not": ["ads", "bot"] }),
            (Source, "MyBot"),
            Some("source is «MyBot», with «bot», which is excluded"),
        ),
        (json!({ "parameter": "source", "contains_not": ["ads"] }), (Source, "google"), None),
        (
            json!({ "parameter": "url", "starts_with": ["https://A.example/"] }),
            (Url, "https://a.example/x"),
            None,
        ),
        (
            json!({ "parameter": "url", "starts_with": ["https://a.example/"] }),
            (Url, "https://b.example/"),
            Some("url is «https://b.example/», not beginning with «https://a.example/»"),
        ),
        (json!({ "parameter": "hostname", "matches": [r"(^|\.)site\.ru$"] }), (HostName, "m.site.ru"), None),
        (
            json!({ "parameter": "utm_source", "matches": ["^Yandex"] }),
            (UtmSource, "yandex"),
            Some("utm_source is «yandex», not matching «^Yandex»"),
        ),
        (json!({ "parameter": "utm_source", "matches": ["^Yandex"] }), (UtmSource, "Yandex"), None),
        (json!({ "parameter": "utm_source", "matches": ["(?i)^ЯНДЕКС"] }), (UtmSource, "яндекс"), None),
    ];
    for (condition, value, reason) in rows {
        let settings = settings(json!({ "traffic": [[condition.clone()]] }));
        let reason = reason.map(|reason| format!("the lead's traffic does not fit: {reason}"));
        assert_eq!(judge(&settings, &traffic(&[value])), reason, "{condition}");
    }
}

#[test]
fn any_rule_suffices_and_all_its_conditions_must_hold() {
    let settings = settings(json!({ "traffic": [
        [{ "parameter": "source", "is": ["yandex"] }, { "parameter": "medium", "is": ["cpc"] }, { "parameter": "hostname", "is": ["a.ru"] }],
        [{ "parameter": "source", "is": ["google"] }, { "parameter": "medium", "is": ["cpc"] }],
    ] }));
    let from = |source, medium| traffic(&[(Parameter::Source, source), (Parameter::Medium, medium)]);
    assert_eq!(judge(&settings, &from("google", "cpc")), None);
    assert_eq!(
        judge(&settings, &from("google", "organic")).as_deref(),
        Some(
            "the lead's traffic fits none of the 2 rules; closest is rule 2, but medium is «organic», not «cpc»"
        )
    );
    let reason = judge(&settings, &from("bing", "organic")).unwrap();
    assert!(
        reason.ends_with("rule 2, but source is «bing», not «google», and medium is «organic», not «cpc»")
    );
}
