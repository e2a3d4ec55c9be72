//! What rendering promises, shown on whole requests.

use serde_json::json;

use super::{
    fixture::{NOW, Stage, pairs},
    *,
};
use crate::{catalogue::ALL, time::DAY_MS};

#[test]
fn the_observed_request_of_a_calls_start_comes_out_byte_for_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/observed_call_started.txt");
    let observed = std::fs::read_to_string(path).unwrap();
    let only = [
        "callphase",
        "callerphone",
        "phonenumber",
        "redirectNumber",
        "timestamp",
        "source",
        "medium",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "gcid",
        "yaClientId",
        "sessionId",
        "hostname",
        "url",
        "ref",
        "userAgent",
    ];
    let started = json!({ "type": "call.started", "time": "2020-05-19T07:51:05+03:00", "data": {
        "callerphone": "8 (999) 000-00-03", "phonenumber": "78120000003",
        "visits": [{
            "at": "2020-05-19T07:50:55+03:00", "url": "https://shop.site.example/", "ref": "https://www.google.ru/",
            "gcid": "123456789.1589863856", "yaClientId": 1589863855341000001u64, "sessionId": "681000001",
            "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 \
                          (KHTML, like Gecko) Version/13.0.5 Mobile/15E148 Safari/604.1",
        }],
    }});
    let settings =
        json!({ "url": "https://crm.example/ct.gif", "method": "GET", "parameters": { "only": only } });
    let stage = Stage::of_events(LeadKind::Call, &[started], settings);
    let request = stage.render(Trigger::CallStarted, None).request;
    assert_eq!(request.url, format!("https://crm.example{}", observed.trim_end()));
    assert_eq!(request.body, b"");
}

#[test]
fn everything_is_sent_by_default_in_the_order_of_the_catalogue_with_the_lists_last() {
    for (kind, trigger) in
        [(LeadKind::Call, Trigger::CallEnded), (LeadKind::Request, Trigger::RequestCreated)]
    {
        let stage = Stage::sample(kind, json!({})).on_site(json!({ "tracked_url_params": ["abtest"] }));
        let mut sent: Vec<String> = Vec::new();
        for (name, _) in stage.pairs(trigger) {
            let name = name.split('[').next().unwrap().to_owned();
            if sent.last() != Some(&name) {
                sent.push(name);
            }
        }
        let lists = [Parameter::AddUrlParams, Parameter::Comment, Parameter::Text];
        let scalars = ALL.iter().filter(|parameter| !lists.contains(parameter)).chain(&lists);
        let expected: Vec<&str> =
            scalars.filter(|parameter| parameter.exists_for(kind)).map(|one| one.name()).collect();
        assert_eq!(sent, expected);
    }
}

#[test]
fn parameters_are_left_out_and_renamed_as_the_settings_say() {
    let parameters =
        json!({ "only": ["comment", "id", "fio"], "rename": { "comment": "notes", "id": "номер" } });
    let stage = Stage::sample(LeadKind::Call, json!({ "parameters": parameters }));
    let names: Vec<_> = stage.pairs(Trigger::CallEnded).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["номер", "notes[0][party]", "notes[0][comment]", "notes[1][party]", "notes[1][comment]"]
    );
}

#[test]
fn a_request_names_its_form_and_takes_the_customers_headers_before_the_engines() {
    let headers = json!({ "X-Source": "leads", "User-Agent": "own" });
    let post = Stage::sample(LeadKind::Call, json!({ "headers": headers })).render(Trigger::CallEnded, None);
    let find =
        |name: &str| post.request.headers.iter().filter(|(known, _)| known == name).collect::<Vec<_>>();
    assert_eq!(find("content-type")[0].1, "application/x-www-form-urlencoded");
    assert_eq!((find("user-agent").len(), find("user-agent")[0].1.as_str()), (1, "own"));
    assert_eq!((find("accept")[0].1.as_str(), find("x-source")[0].1.as_str()), ("*/*", "leads"));
    assert_eq!((post.revision, post.site_revision, post.lead_version, post.at), (4, 1, 1, NOW));
    let get = Stage::sample(LeadKind::Call, json!({ "method": "GET" })).render(Trigger::CallEnded, None);
    let engines = [("accept", "*/*"), ("user-agent", USER_AGENT)];
    let engines = engines.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(get.request.headers, engines);
}

fn changed_after(edit: impl Fn(&mut Stage)) -> Option<String> {
    let settings = json!({ "parameters": { "rename": { "rating": "stars" } } });
    let mut stage = Stage::sample(LeadKind::Call, settings);
    let first = stage.render(Trigger::CallEnded, None).fingerprints.unwrap();
    edit(&mut stage);
    let second = stage.render(Trigger::LeadTagsChanged, Some(&first));
    pairs(&second).into_iter().find(|(name, _)| name == "changedFields").map(|(_, value)| value)
}

#[test]
fn rule_5_changed_fields_is_null_at_first_and_empty_when_nothing_changed() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    assert_eq!(stage.sent(Trigger::CallEnded, Parameter::ChangedFields).as_deref(), Some("null"));
    assert_eq!(changed_after(|_| {}).as_deref(), Some(""));
    assert_eq!(changed_after(|stage| stage.now = NOW.plus_ms(DAY_MS)).as_deref(), Some(""));
}

#[test]
fn rule_5_names_as_sent_of_what_differs_a_list_being_one_name() {
    use crate::fact::Fact;
    let changed = changed_after(|stage| {
        let facts = &mut stage.lead.facts;
        facts.insert(Parameter::Rating, Fact::Int(1));
        facts.insert(Parameter::TagsManual, Fact::Tags(vec!["Отдел продаж".to_owned()]));
        facts.insert(Parameter::Comment, Fact::Records(vec![("a".to_owned(), "b".to_owned())]));
        facts.insert(Parameter::Manager, Fact::Text("Ирина Образцова".to_owned()));
    });
    assert_eq!(changed.as_deref(), Some("stars,comment,tags_manual"));
}

#[test]
fn rule_5_what_appears_or_disappears_counts_the_recordings_link_too() {
    let without = |parameter: Parameter| changed_after(|stage| drop(stage.lead.facts.remove(&parameter)));
    assert_eq!(without(Parameter::Comment).as_deref(), Some("comment"));
    assert_eq!(without(Parameter::RecLink).as_deref(), Some("reclink"));
    let at_start = Stage::sample(
        LeadKind::Call,
        json!({ "parameters": { "only": ["callphase", "changedFields", "duration"] } }),
    );
    let first = at_start.render(Trigger::CallStarted, None).fingerprints.unwrap();
    let second = at_start.render(Trigger::CallEnded, Some(&first));
    assert!(pairs(&second).contains(&("changedFields".to_owned(), "callphase,duration".to_owned())));
}

#[test]
fn filters_compare_the_value_that_would_be_sent_and_a_skip_has_its_reason() {
    let skip =
        |settings| match render(&Stage::sample(LeadKind::Call, settings).scene(Trigger::CallEnded, None)) {
            Rendered::Skipped(reason) => Some(reason),
            Rendered::Request(_) => None,
        };
    let utm = |value: &str| json!({ "traffic": [[{ "parameter": "utm_term", "is": [value] }]], "parameters": { "only": ["id"] } });
    assert_eq!(skip(utm("доставка")), None);
    assert!(skip(utm("другое")).is_some_and(|reason| !reason.is_empty()));
    assert_eq!(skip(json!({ "tags": ["vip", "Отдел продаж"] })), None);
    assert!(skip(json!({ "tags": ["нет такого"] })).is_some());
    assert_eq!(skip(json!({ "leads": { "calls": "unique_target" } })), None);
    assert!(skip(json!({ "leads": { "calls": "none" } })).is_some());
    let last = json!({ "attribution": "last_interaction", "traffic": [[{ "parameter": "utm_term", "is": ["<не указано>"] }]] });
    assert_eq!(skip(last), None);
}

#[test]
fn what_is_rendered_unfiltered_asks_no_filter() {
    let stage = Stage::sample(LeadKind::Call, json!({ "leads": { "calls": "none" } }));
    let scene = stage.scene(Trigger::CallEnded, None);
    assert!(matches!(render(&scene), Rendered::Skipped(_)));
    assert!(!render_unfiltered(&scene).request.body.is_empty());
}

#[test]
fn a_delivery_rendered_again_tells_what_had_changed_then() {
    let stage = Stage::sample(
        LeadKind::Call,
        json!({ "parameters": { "only": ["id", "duration", "changedFields"] } }),
    );
    let before = stage.render(Trigger::CallEnded, None).fingerprints.unwrap();
    let then = stage.render(Trigger::CallEnded, Some(&Fingerprints::default()));
    assert_eq!(then.changed_fields.as_deref(), Some("id,duration"));
    // Meanwhile the lane delivered the same, so that by now nothing has changed.
    let scene = stage.scene(Trigger::CallEnded, Some(&before));
    let again = sketch_again(&scene, then.changed_fields.as_deref());
    assert_eq!(again.kept.rendering(&scene, again.request), then);
    let first = sketch_again(&scene, None);
    assert_eq!(first.kept.rendering(&scene, first.request), stage.render(Trigger::CallEnded, None));
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    assert_eq!(stage.render(Trigger::CallEnded, None), stage.render(Trigger::CallEnded, None));
}
