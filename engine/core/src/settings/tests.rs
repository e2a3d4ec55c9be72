//! Tests of reading settings: defaults, the published example, and a path and code for every refusal.

mod plugins;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::{
    catalogue::{self, Parameter},
    event::Trigger,
    fault::Fault,
    webhook::{OnError, Test},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SHA_256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(value: &Value) -> Result<Settings, Faults> {
    Settings::parse(
        value,
        &Known { addresses: &AddressPolicy::default(), account: Some(&plugins::holdings()) },
    )
}

/// Settings with these fields and a good URL.
fn with(mut fields: Value) -> Value {
    fields["url"] = json!("https://crm.example/hook");
    fields
}

fn faults(value: &Value) -> Vec<(String, String)> {
    let pair = |Fault { path, code, .. }: Fault| (path, code);
    parse(value).map_or_else(|faults| faults.0.into_iter().map(pair).collect(), |_| Vec::new())
}

/// That each of these fields is refused at that path, with that code, and for nothing else.
fn assert_refused(rows: &[(Value, &str, &str)]) {
    for (fields, path, code) in rows {
        assert_eq!(faults(&with(fields.clone())), [((*path).to_owned(), (*code).to_owned())], "{fields}");
    }
}

#[test]
fn all_but_the_url_has_the_default_of_the_contract() {
    let value = json!({ "url": "https://crm.example/hook?a=1#top" });
    let settings = parse(&value).unwrap();
    assert_eq!(settings.source, value);
    assert_eq!(settings.name, "crm.example");
    assert_eq!(settings.url.as_str(), "https://crm.example/hook?a=1");
    assert_eq!((settings.method, settings.attribution), (Method::Post, Attribution::LastNonDirect));
    assert_eq!((settings.sites, settings.calls, settings.requests), (None, LeadClass::All, LeadClass::All));
    assert!(settings.tags.is_empty() && settings.traffic.is_empty());
    let sending = Sending::Simplified { call_started: false, call_ended: Some(0), request_created: Some(0) };
    assert_eq!(settings.sending, sending);
    assert_eq!(settings.parameters.len(), catalogue::ALL.len());
    assert!(settings.parameters.iter().all(|(parameter, name)| parameter.name() == name));
    assert!(settings.transform.is_empty() && settings.headers.is_empty() && settings.signing.is_empty());
    assert_eq!((settings.success, settings.timeout_seconds), (Success::Any2xx, 15));
    assert_eq!(settings.retry_after_seconds, RETRY_AFTER_SECONDS_DEFAULT);
    assert_eq!(settings.rate, Rate { per_second: None, concurrent: 32 });
    assert_eq!(settings.ordering, Ordering::Lead);
}

/// The example of the interface's reference, with a secret in place of its dots.
fn example() -> Value {
    json!({"name": "CRM", "url": "https://crm.example/hook", "method": "POST", "attribution": "last_non_direct", "sites": ["60001"],
    "leads": {"calls": "all", "requests": "unique"}, "tags": ["Sales"],
    "traffic": [[{"parameter": "medium", "is": ["cpc", "cpm"]}], [{"parameter": "utm_source", "contains": ["yandex"]}]],
    "sending": {"model": "simplified", "on": ["call_ended", "request_created"], "delay_minutes": {"call_ended": 5, "request_created": 0}},
    "parameters": {"only": ["id", "callerphone"], "except": [], "rename": {"callerphone": "phone"}},
    "transform": [{"plugin": "phone-e164", "config": {}, "secrets": [], "on_error": "retry"}],
    "headers": {"X-Source": "leads"}, "signing": {"secrets": [SECRET]}, "success": "2xx", "timeout_seconds": 15,
    "retry": {"after_seconds": [5, 300]}, "rate": {"per_second": 2, "concurrent": 4}, "ordering": "lead"})
}

#[test]
fn the_published_example_is_read_whole() {
    let settings = parse(&example()).unwrap();
    assert_eq!(settings.name, "CRM");
    assert_eq!(settings.sites, Some(BTreeSet::from([SiteId::new("60001").unwrap()])));
    assert_eq!((settings.calls, settings.requests), (LeadClass::All, LeadClass::Unique));
    assert_eq!(settings.tags, ["Sales"]);
    assert!(matches!(&settings.traffic[1][0].test, Test::Contains(words) if words == &["yandex"]));
    assert_eq!(settings.sending.delay_minutes(Trigger::CallEnded), Some(5));
    let sent = [(Parameter::Id, "id".to_owned()), (Parameter::CallerPhone, "phone".to_owned())];
    assert_eq!(settings.parameters, sent);
    assert_eq!(
        (settings.transform[0].plugin.as_str(), settings.transform[0].on_error),
        ("phone-e164", OnError::Retry)
    );
    assert_eq!(settings.headers, [("x-source".to_owned(), "leads".to_owned())]);
    assert_eq!(settings.signing[0].key().len(), 24);
    assert_eq!(settings.retry_after_seconds, [5, 300]);
    assert_eq!(settings.rate, Rate { per_second: Some(2), concurrent: 4 });
}

#[test]
fn other_good_settings_are_read() {
    let sending = |fields: Value| parse(&with(json!({ "sending": fields }))).unwrap().sending;
    assert_eq!(
        sending(
            json!({ "on": ["call_started", "request_created"], "delay_minutes": { "request_created": 1440 } })
        ),
        Sending::Simplified { call_started: true, call_ended: None, request_created: Some(1440) }
    );
    assert_eq!(
        sending(
            json!({ "model": "event_based", "on": ["lead_tags_changed", "call_started"], "delay_minutes": {} })
        ),
        Sending::EventBased(BTreeSet::from([Trigger::CallStarted, Trigger::LeadTagsChanged]))
    );
    let pinned = format!("phone-e164@{SHA_256}");
    let settings =
        parse(&with(json!({ "success": { "plugin": pinned }, "retry": { "after_seconds": [] } }))).unwrap();
    assert_eq!(settings.success, Success::Plugin(pinned));
    assert!(settings.retry_after_seconds.is_empty());
    let swapped = json!({ "parameters": { "rename": { "source": "medium", "medium": "source" } } });
    let settings = parse(&with(swapped)).unwrap();
    assert!(settings.parameters.contains(&(Parameter::Source, "medium".to_owned())));
}

#[test]
fn rule_7_of_sending_what_cannot_be_meant_is_refused_by_name() {
    let sending = |fields: Value| json!({ "sending": fields });
    assert_refused(&[
        (
            sending(json!({ "delay_minutes": { "call_ended": 1441 } })),
            "sending.delay_minutes.call_ended",
            "out_of_range",
        ),
        (
            sending(json!({ "delay_minutes": { "call_ended": -1 } })),
            "sending.delay_minutes.call_ended",
            "out_of_range",
        ),
        (
            sending(json!({ "delay_minutes": { "call_ended": 1.5 } })),
            "sending.delay_minutes.call_ended",
            "wrong_type",
        ),
        (
            sending(json!({ "on": ["call_started"], "delay_minutes": { "call_started": 1 } })),
            "sending.delay_minutes.call_started",
            "not_delayable",
        ),
        (
            sending(json!({ "on": ["call_ended"], "delay_minutes": { "request_created": 1 } })),
            "sending.delay_minutes.request_created",
            "not_subscribed",
        ),
        (
            sending(
                json!({ "model": "event_based", "on": ["call_ended"], "delay_minutes": { "call_ended": 1 } }),
            ),
            "sending.delay_minutes.call_ended",
            "not_delayable",
        ),
        (
            sending(json!({ "delay_minutes": { "call_end": 1 } })),
            "sending.delay_minutes.call_end",
            "unknown_trigger",
        ),
        (sending(json!({ "on": ["call_ended", "call_end"] })), "sending.on[1]", "unknown_trigger"),
        (sending(json!({ "on": ["call_ended", "lead_tags_changed"] })), "sending.on[1]", "not_in_model"),
        (sending(json!({ "on": [] })), "sending.on", "empty"),
        (sending(json!({ "model": "event_based" })), "sending.on", "missing"),
        (sending(json!({ "model": "both" })), "sending.model", "unknown_value"),
    ]);
}

#[test]
fn rule_7_of_parameters_what_cannot_be_meant_is_refused_by_name() {
    let parameters = |fields: Value| json!({ "parameters": fields });
    let every: Vec<_> = catalogue::ALL.iter().map(|parameter| parameter.name()).collect();
    assert_refused(&[
        (parameters(json!({ "only": ["id", "phone"] })), "parameters.only[1]", "unknown_parameter"),
        (parameters(json!({ "except": ["callerPhone"] })), "parameters.except[0]", "unknown_parameter"),
        (parameters(json!({ "only": ["id"], "except": ["source"] })), "parameters.except", "only_and_except"),
        (parameters(json!({ "only": [] })), "parameters.only", "empty"),
        (parameters(json!({ "except": every })), "parameters.except", "empty"),
        (parameters(json!({ "rename": { "phone": "x" } })), "parameters.rename.phone", "unknown_parameter"),
        (parameters(json!({ "rename": { "callerphone": " " } })), "parameters.rename.callerphone", "empty"),
        (
            parameters(json!({ "rename": { "callerphone": "a[0]" } })),
            "parameters.rename.callerphone",
            "brackets",
        ),
        (
            parameters(json!({ "rename": { "callerphone": "id" } })),
            "parameters.rename.callerphone",
            "duplicate_name",
        ),
        (
            parameters(json!({ "only": ["id"], "rename": { "callerphone": "phone" } })),
            "parameters.rename.callerphone",
            "not_selected",
        ),
    ]);
    let twice = with(parameters(json!({ "rename": { "callerphone": "x", "email": "x" } })));
    let at = |name: &str| (format!("parameters.rename.{name}"), "duplicate_name".to_owned());
    assert_eq!(faults(&twice), [at("callerphone"), at("email")]);
}

#[test]
fn rule_7_of_urls_what_is_not_to_be_sent_to_is_refused() {
    for (url, code) in [
        ("crm.example/hook", "bad_url"),
        ("", "bad_url"),
        ("ftp://crm.example/", "not_http"),
        ("https://user:word@crm.example/", "user_name_in_url"),
        ("https://10.0.0.1/", "forbidden_address"),
        ("https://localhost/", "forbidden_address"),
    ] {
        assert_eq!(faults(&json!({ "url": url })), [("url".to_owned(), code.to_owned())], "{url}");
    }
    assert_eq!(faults(&json!({})), [("url".to_owned(), "missing".to_owned())]);
    let addresses = AddressPolicy::new(vec!["10.0.0.0/8".parse().unwrap()]);
    let known = Known { addresses: &addresses, account: None };
    assert!(Settings::parse(&json!({ "url": "https://10.0.0.1/" }), &known).is_ok());
}

#[test]
fn headers_that_are_the_engines_or_break_a_request_are_refused() {
    let headers = |name: &str, value: &str| json!({ "headers": { name: value } });
    assert_refused(&[
        (headers("Webhook-Id", "x"), "headers.Webhook-Id", "header_not_allowed"),
        (headers("Host", "x"), "headers.Host", "header_not_allowed"),
        (headers("Connection", "x"), "headers.Connection", "header_not_allowed"),
        (headers("Content-Type", "x"), "headers.Content-Type", "header_not_allowed"),
        (headers("", "x"), "headers.", "bad_header_name"),
        (headers("X Y", "x"), "headers.X Y", "bad_header_name"),
        (headers("Имя", "x"), "headers.Имя", "bad_header_name"),
        (headers("X-A", "a\r\nX-B: b"), "headers.X-A", "bad_header_value"),
        (headers("X-A", "a\0"), "headers.X-A", "bad_header_value"),
        (headers("X-A", "имя"), "headers.X-A", "bad_header_value"),
        (json!({ "headers": { "X-A": "1", "x-a": "2" } }), "headers.x-a", "duplicate"),
        (json!({ "headers": { "X-A": 1 } }), "headers.X-A", "wrong_type"),
    ]);
}

#[test]
fn a_traffic_fault_names_its_rule_condition_and_value() {
    let traffic = |condition: Value| {
        let good = json!({ "parameter": "source", "is": ["x"] });
        json!({ "traffic": [[good, condition]] })
    };
    let many: Vec<_> = (0..51).map(|number| number.to_string()).collect();
    assert_refused(&[
        (
            traffic(json!({ "parameter": "url", "matches": ["("] })),
            "traffic[0][1].matches[0]",
            "bad_expression",
        ),
        (
            traffic(json!({ "parameter": "url", "matches": ["ok", "(\\w{100}){100}"] })),
            "traffic[0][1].matches[1]",
            "expression_too_big",
        ),
        (traffic(json!({ "parameter": "url", "matches": many })), "traffic[0][1].matches[50]", "too_many"),
        (traffic(json!({ "parameter": "url", "is": [] })), "traffic[0][1].is", "empty"),
        (traffic(json!({ "parameter": "url", "contains": ["a", ""] })), "traffic[0][1].contains[1]", "empty"),
        (traffic(json!({ "parameter": "url", "is": "a" })), "traffic[0][1].is", "wrong_type"),
        (
            traffic(json!({ "parameter": "url", "is": ["a"], "is_not": ["b"] })),
            "traffic[0][1]",
            "one_operator",
        ),
        (traffic(json!({ "parameter": "url" })), "traffic[0][1]", "one_operator"),
        (traffic(json!({ "parameter": "fio", "is": ["a"] })), "traffic[0][1].parameter", "not_filterable"),
        (traffic(json!({ "parameter": "utm", "is": ["a"] })), "traffic[0][1].parameter", "unknown_parameter"),
        (json!({ "traffic": [[]] }), "traffic[0]", "empty"),
    ]);
}

#[test]
fn every_other_bad_value_is_refused_where_it_stands() {
    let long = "x".repeat(201);
    assert_refused(&[
        (json!({ "naem": "x" }), "naem", "unknown_field"),
        (json!({ "name": "" }), "name", "empty"),
        (json!({ "name": long }), "name", "too_long"),
        (json!({ "method": "PUT" }), "method", "unknown_value"),
        (json!({ "sites": [] }), "sites", "empty"),
        (json!({ "sites": ["1", "a b"] }), "sites[1]", "bad_site_id"),
        (json!({ "leads": { "calls": "some" } }), "leads.calls", "unknown_value"),
        (json!({ "leads": { "forms": "all" } }), "leads.forms", "unknown_field"),
        (json!({ "tags": ["a", ""] }), "tags[1]", "empty"),
        (json!({ "success": "201" }), "success", "unknown_value"),
        (json!({ "signing": { "secrets": [SECRET, "whsec_short"] } }), "signing.secrets[1]", "bad_secret"),
        (json!({ "timeout_seconds": 61 }), "timeout_seconds", "out_of_range"),
        (json!({ "timeout_seconds": 0 }), "timeout_seconds", "out_of_range"),
        (json!({ "retry": { "after_seconds": [5, 604_801] } }), "retry.after_seconds[1]", "out_of_range"),
        (json!({ "rate": { "per_second": 1001 } }), "rate.per_second", "out_of_range"),
        (json!({ "rate": { "concurrent": 257 } }), "rate.concurrent", "out_of_range"),
        (json!({ "ordering": "site" }), "ordering", "unknown_value"),
    ]);
    let large = with(json!({ "tags": ["x".repeat(SETTINGS_BYTES_MAX)] }));
    assert_eq!(faults(&large), [(String::new(), "too_long".to_owned())]);
}

#[test]
fn all_faults_are_told_at_once() {
    let bad =
        json!({ "url": "ftp://x", "method": "PUT", "traffic": [[], [{}]], "sending": { "on": [] }, "x": 1 });
    let paths: BTreeMap<_, _> = faults(&bad).into_iter().collect();
    for path in ["url", "method", "traffic[0]", "traffic[1][0]", "traffic[1][0].parameter", "sending.on", "x"]
    {
        assert!(paths.contains_key(path), "{path}: {paths:?}");
    }
}

#[test]
fn a_fault_does_not_repeat_a_signing_secret() {
    let told = parse(&with(json!({ "signing": { "secrets": ["whsec_nearly-secret"] } }))).unwrap_err();
    assert!(!told.to_string().contains("nearly"));
}

#[test]
fn saved_settings_are_read_again_though_an_address_or_a_plugin_was_taken_away() {
    let value = json!({ "url": "http://localhost/", "transform": [{ "plugin": "nowhere" }] });
    assert!(Settings::restore(&value).is_ok());
    assert!(Settings::restore(&json!({ "url": "ftp://localhost/" })).is_err());
}

/// JSON that is often nearly settings: the example's names with anything under them.
fn nearly_settings() -> impl Strategy<Value = Value> {
    let names = "url|name|sites|leads|calls|tags|traffic|parameter|is|matches|sending|model|on|delay_minutes|call_ended|\
                 parameters|only|except|rename|callerphone|transform|plugin|config|headers|signing|secrets|success|retry|rate";
    let words = "https://[0-9a-z.:/@%]{0,12}|simplified|event_based|call_ended|callerphone|source|whsec_[a-z]{4}|\\PC{0,8}|[\\[({*+?\\\\]{1,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_in_is_read_or_refused_with_a_fault(value in nearly_settings(), name in "[a-z_]{1,12}") {
        if let Err(faults) = parse(&value) {
            prop_assert!(!faults.0.is_empty());
        }
        // One field of good settings replaced reaches deeper than settings that are bad throughout.
        for field in example().as_object().unwrap().keys() {
            let mut settings = example();
            settings[field] = value.clone();
            if let Err(faults) = parse(&settings) {
                prop_assert!(!faults.0.is_empty());
            }
        }
        let mut settings = example();
        let is_known = settings.get(&name).is_some();
        settings[&name] = value;
        prop_assert!(is_known || parse(&settings).is_err());
    }
}
