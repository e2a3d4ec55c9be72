//! The values of parameters, as they go out in whole requests.
#![expect(clippy::needless_pass_by_value, reason = "json!(…) reads better without a & at every call")]

use serde_json::{Value as Json, json};

use super::{Parameter as P, *};
use crate::{
    catalogue::ALL,
    lead::LeadKind,
    render::fixture::{NOW, Stage},
};

fn started(data: Json) -> Json {
    json!({ "type": "call.started", "time": "2026-02-26T20:03:37+03:00", "data": data })
}

fn ended(data: Json) -> Json {
    json!({ "type": "call.ended", "time": "2026-02-26T20:05:37+03:00", "data": data })
}

fn call(events: &[Json]) -> Stage {
    Stage::of_events(LeadKind::Call, events, json!({}))
}

fn request(data: Json) -> Stage {
    let created = json!({ "type": "request.created", "time": "2026-02-26T20:03:37+03:00", "data": data });
    Stage::of_events(LeadKind::Request, &[created], json!({}))
}

#[test]
fn what_is_not_known_is_sent_as_the_catalogue_says() {
    let cases = [
        (call(&[started(json!({})), ended(json!({}))]), Trigger::CallEnded),
        (request(json!({})), Trigger::RequestCreated),
    ];
    for (stage, trigger) in cases {
        let kind = stage.lead.reference.kind;
        for parameter in ALL.iter().filter(|parameter| parameter.exists_for(kind)) {
            let sent = stage.sent(trigger, *parameter);
            let expected = match parameter.row().when_absent {
                WhenAbsent::Null => Some("null"),
                WhenAbsent::Empty => Some(""),
                WhenAbsent::Undefined => Some("undefined"),
                WhenAbsent::Unspecified => Some("<не указано>"),
                WhenAbsent::Zero => Some("0"),
                WhenAbsent::Omitted => None,
                WhenAbsent::Never => {
                    assert!(sent.is_some_and(|value| !value.is_empty()), "{}", parameter.name());
                    continue;
                }
            };
            assert_eq!(sent.as_deref(), expected, "{}", parameter.name());
        }
    }
}

#[test]
fn at_the_calls_start_the_catalogues_column_holds_whatever_is_known() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    for parameter in ALL.iter().filter(|parameter| parameter.exists_for(LeadKind::Call)) {
        let sent = stage
            .pairs(Trigger::CallStarted)
            .into_iter()
            .find(|(name, _)| name.split('[').next() == Some(parameter.name()));
        let value = sent.map(|(_, value)| value);
        match parameter.row().at_call_start {
            AtCallStart::Omitted | AtCallStart::BySite => assert_eq!(value, None, "{}", parameter.name()),
            AtCallStart::Undefined => assert_eq!(value.as_deref(), Some("undefined")),
            AtCallStart::Sent if *parameter == P::AddUrlParams => {}
            AtCallStart::Sent => assert!(value.is_some(), "{}", parameter.name()),
            AtCallStart::NotApplicable => panic!("{} exists for calls", parameter.name()),
        }
    }
    assert_eq!(stage.sent(Trigger::CallStarted, P::CallPhase).as_deref(), Some("callconnected"));
    let stage = stage.on_site(json!({ "sip_call_id_at_start": true }));
    assert!(stage.sent(Trigger::CallStarted, P::SipCallId).is_some());
}

#[test]
fn before_the_calls_end_other_deliveries_omit_five_facts_and_send_the_rest() {
    let tagged = json!({ "type": "lead.tags_changed", "time": "2026-02-26T20:04:00+03:00",
        "data": { "tags_manual": ["a", "b"], "duration": 40, "status": "successful" } });
    let stage = call(&[started(json!({})), tagged]);
    for parameter in KNOWN_AT_THE_END {
        assert_eq!(stage.sent(Trigger::LeadTagsChanged, parameter), None, "{}", parameter.name());
    }
    let sent = |parameter| stage.sent(Trigger::LeadTagsChanged, parameter).unwrap();
    assert_eq!((sent(P::CallPhase).as_str(), sent(P::TagsManual).as_str()), ("callconnected", "a,b"));
    assert_eq!((sent(P::Rating).as_str(), sent(P::RedirectNumber).as_str()), ("0", "undefined"));
}

#[test]
fn qualification_is_derived_and_what_the_source_states_wins() {
    let after = |data: Json| call(&[started(json!({ "callerphone": "89990000001" })), ended(data)]);
    let answers = |stage: &Stage| {
        [P::Status, P::TargetCall, P::UniqTargetCall, P::Unique]
            .map(|one| stage.sent(Trigger::CallEnded, one).unwrap())
    };
    let cases = [
        (json!({ "duration": 30 }), ["successful", "target", "uniqtarget", "true"]),
        (json!({ "duration": 29 }), ["successful", "non-target", "non-uniqtarget", "true"]),
        (json!({ "duration": 0 }), ["unsuccessful", "non-target", "non-uniqtarget", "true"]),
        (json!({}), ["", "non-target", "non-uniqtarget", "true"]),
        (
            json!({ "duration": 0, "status": "successful", "targetcall": "target", "uniqtargetcall": "uniqtarget", "unique": false }),
            ["successful", "target", "uniqtarget", "false"],
        ),
    ];
    for (data, expected) in cases {
        assert_eq!(answers(&after(data.clone())), expected, "{data}");
    }
    let spared = after(json!({})).sent(Trigger::CallEnded, P::Callback);
    assert_eq!(spared.as_deref(), Some("non-callback"));
}

#[test]
fn a_target_request_has_a_plausible_phone_or_an_email() {
    let target = |data| request(data).sent(Trigger::RequestCreated, P::TargetRequest).unwrap();
    assert_eq!(target(json!({ "callerphone": "79990000001" })), "target");
    assert_eq!(target(json!({ "callerphone": "70000000000" })), "non-target");
    assert_eq!(target(json!({ "email": "a@client.example" })), "target");
    assert_eq!(target(json!({ "email": "a@" })), "non-target");
}

#[test]
fn local_times_follow_the_sites_zone_and_its_daylight_saving() {
    let at = |time: &str, zone: &str| {
        let stage = call(&[started(json!({ "started_at": time }))]).on_site(json!({ "timezone": zone }));
        let sent = |parameter| stage.sent(Trigger::CallStarted, parameter).unwrap();
        (sent(P::CallTime), sent(P::Timestamp))
    };
    let berlin = "Europe/Berlin";
    let cases = [
        ("2026-02-26T17:03:37Z", "Europe/Moscow", "2026-02-26 20:03:37", "1772125417"),
        ("2026-07-01T10:00:00Z", berlin, "2026-07-01 12:00:00", "1782900000"),
        ("2026-01-01T10:00:00.999Z", berlin, "2026-01-01 11:00:00", "1767261600"),
        // The hour that comes twice: only the timestamp tells them apart.
        ("2026-10-25T00:30:00Z", berlin, "2026-10-25 02:30:00", "1792888200"),
        ("2026-10-25T01:30:00Z", berlin, "2026-10-25 02:30:00", "1792891800"),
    ];
    for (time, zone, local, unix) in cases {
        assert_eq!(at(time, zone), (local.to_owned(), unix.to_owned()), "{time}");
    }
}

#[test]
fn working_time_is_read_from_the_sites_wall_clock() {
    // 2026-02-26 is a Thursday; 20:03 in Moscow.
    let at = |hours: Json| {
        let stage = call(&[started(json!({}))]).on_site(json!({ "working_hours": hours }));
        stage.sent(Trigger::CallStarted, P::WorkTime).unwrap()
    };
    assert_eq!(at(json!({ "thu": [["09:00", "18:00"]] })), "non-worktime");
    assert_eq!(at(json!({ "thu": [["20:00", "21:00"]] })), "worktime");
    assert_eq!(at(json!({})), "worktime");
}

#[test]
fn a_client_id_is_stable_for_the_account_and_shows_no_phone() {
    let of = |phone: &str, key: u8| {
        let mut stage = call(&[started(json!({ "callerphone": phone }))]);
        stage.keys.client_id_key = [key; 32];
        stage.sent(Trigger::CallStarted, P::CtCallerId).unwrap()
    };
    let id = of("8 999 000-00-01", 1);
    assert_eq!(id, of("+79990000001", 1));
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_ne!(id, of("79990000002", 1));
    assert_ne!(id, of("79990000001", 2));
    assert_eq!(of("anonymous", 1), "");
}

#[test]
fn the_recordings_own_address_is_never_sent_and_the_link_obeys_the_site() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    let link = stage.sent(Trigger::CallEnded, P::RecLink).unwrap();
    let token = link.strip_prefix("https://hooks.example/rec/").unwrap();
    let opened = recording::Token::read(token).unwrap().open(&[7; 32], NOW).unwrap();
    assert_eq!(opened.lead.to_string(), "60001/call/1000000001");
    let mut unlinked = Stage::sample(LeadKind::Call, json!({}));
    unlinked.keys.recording = None;
    assert_eq!(unlinked.sent(Trigger::CallEnded, P::RecLink), None);
    let forbidden = stage.on_site(json!({ "allow_reclink": false }));
    assert_eq!(forbidden.sent(Trigger::CallEnded, P::RecLink), None);
}

#[test]
fn the_page_of_a_call_is_sent_only_if_the_site_records_it() {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    assert_eq!(stage.sent(Trigger::CallEnded, P::CallUrl).as_deref(), Some("https://shop.example/contacts"));
    let off = stage.on_site(json!({ "record_call_url": false }));
    assert_eq!(off.sent(Trigger::CallEnded, P::CallUrl).as_deref(), Some(""));
}

fn two_visits() -> Json {
    json!([
        { "at": "2026-02-26T10:00:00Z", "url": "https://a.example/?utm_source=yandex&abtest=a&x=1", "sessionId": "1",
          "gcid": "g1", "city": "Тверь", "ip": "192.0.2.1", "attrs": { "k": "1" }, "ref": "https://ya.ru/" },
        { "at": "2026-02-26T17:00:00Z", "url": "https://b.example/", "sessionId": "2", "city": "Клин",
          "userAgent": "Mozilla/5.0 (Windows NT 10.0) Firefox/120.0" },
        { "at": "2026-02-26T17:03:38Z", "url": "https://late.example/", "sessionId": "3", "gcid": "late" },
    ])
}

#[test]
fn each_value_of_a_visit_comes_from_the_visit_that_the_contract_names() {
    let sent = |settings: Json| {
        let stage = Stage::of_events(LeadKind::Call, &[started(json!({ "visits": two_visits() }))], settings);
        let stage = stage.on_site(json!({ "tracked_url_params": ["abtest"] }));
        [
            P::Attribution,
            P::Source,
            P::Medium,
            P::UtmTerm,
            P::HostName,
            P::Ref,
            P::Gcid,
            P::Attrs,
            P::SessionId,
            P::City,
            P::Browser,
            P::Ip,
        ]
        .map(|parameter| stage.sent(Trigger::CallStarted, parameter).unwrap())
    };
    let last = ["g1", r#"{"k":"1"}"#, "2", "Клин", "Firefox 120", ""];
    let non_direct = ["1", "yandex", "<не указано>", "<не заполнено>", "a.example", "https://ya.ru/"];
    assert_eq!(sent(json!({}))[..], [non_direct, last].concat());
    let interaction = ["0", "(direct)", "(none)", "<не указано>", "b.example", ""];
    assert_eq!(sent(json!({ "attribution": "last_interaction" }))[..], [interaction, last].concat());
}

#[test]
fn only_tracked_parameters_of_the_landing_page_are_listed() {
    let stage = call(&[started(json!({ "visits": two_visits() }))])
        .on_site(json!({ "tracked_url_params": ["abtest", "no"] }));
    let sent: Vec<_> = stage
        .pairs(Trigger::CallStarted)
        .into_iter()
        .filter(|(name, _)| name.starts_with("add_url"))
        .collect();
    let pair = |field: &str, value: &str| (format!("add_url_params[0][{field}]"), value.to_owned());
    assert_eq!(sent, [pair("name", "abtest"), pair("value", "a")]);
}

#[test]
fn a_value_stated_on_the_lead_wins_over_every_visit() {
    let stated = json!({ "visits": two_visits(), "source": "crm", "city": "Омск", "utm_term": "t", "attrs": { "z": 1 },
        "hostname": "own.example", "browser": "Lynx", "ctCallerId": "c-1" });
    let stage = call(&[started(stated)]);
    let sent = |parameter| stage.sent(Trigger::CallStarted, parameter).unwrap();
    let read = [P::Source, P::City, P::UtmTerm, P::Attrs, P::HostName, P::Browser, P::CtCallerId].map(sent);
    assert_eq!(read, ["crm", "Омск", "t", r#"{"z":1}"#, "own.example", "Lynx", "c-1"]);
}

#[test]
fn a_static_number_gives_source_and_medium_where_there_is_no_visit() {
    let stage = call(&[started(json!({ "pool_source": "billboard", "pool_medium": "offline" }))]);
    let sent = |parameter| stage.sent(Trigger::CallStarted, parameter).unwrap();
    assert_eq!([P::Source, P::Medium, P::UtmSource].map(sent), ["billboard", "offline", "<не указано>"]);
}
