//! "Events in": what makes a lead, what merges, and what triggers.

use super::*;
use crate::lead::LeadKind;

#[test]
fn the_first_event_makes_the_lead_arrive_and_owes_a_delivery() {
    let mut world = World::new(&[simplified()]);
    let accepted = world.accept("call.ended", "09:59:00", json!({"duration": 40, "waiting_time": 20}));
    assert_eq!(triggers(&accepted), [Trigger::CallEnded]);
    assert_eq!(accepted.lead.version, 1);
    assert_eq!(accepted.lead.start.at, Timestamp::from_rfc3339("2026-03-02T09:58:00Z").unwrap());
    assert_eq!(accepted.cause.deliveries, [accepted.deliveries[0].id]);
    assert_eq!(accepted.deliveries[0].source, Source::Latest);
}

#[test]
fn an_unknown_lead_is_made_by_its_beginning_or_end_and_by_nothing_else() {
    for kind in EventKind::ALL {
        let lead_type = kind.only_for().unwrap_or(LeadKind::Call).word();
        let made = World::new(&[]).accept_of(lead_type, kind.word(), "09:59:00", json!({}));
        match kind.makes_lead() {
            true => assert!(made.is_ok(), "{kind}"),
            false => assert_eq!(made.unwrap_err().code(), "unknown_lead", "{kind}"),
        }
    }
}

#[test]
fn what_happens_once_triggers_once_and_its_repeat_merges() {
    let mut world = World::new(&[event_based()]);
    assert_eq!(triggers(&world.accept("call.started", "09:50:00", json!({}))), [Trigger::CallStarted]);
    assert_eq!(triggers(&world.accept("call.started", "09:50:00", json!({"pool": "dynamic"}))), []);
    assert_eq!(
        triggers(&world.accept("call.ended", "09:51:00", json!({"duration": 5}))),
        [Trigger::CallEnded]
    );
    let repeat = world.accept("call.ended", "09:51:00", json!({"duration": 7}));
    assert_eq!(triggers(&repeat), []);
    assert_eq!(repeat.lead.int(Parameter::Duration), Some(7));
    assert_eq!(repeat.lead.text(Parameter::Pool), Some("dynamic"));
}

#[test]
fn a_start_after_the_end_fills_missing_facts_and_triggers_nothing() {
    let mut world = World::new(&[event_based()]);
    world.accept("call.ended", "09:51:00", json!({"callerphone": "79990000001"}));
    let late =
        world.accept("call.started", "09:52:00", json!({"callerphone": "79990000002", "pool": "dynamic"}));
    assert_eq!(triggers(&late), []);
    assert_eq!(late.lead.text(Parameter::CallerPhone), Some("79990000001"));
    assert_eq!(late.lead.text(Parameter::Pool), Some("dynamic"));
    assert_eq!(late.cause.effect, Effect::FilledAbsent);
}

#[test]
fn a_change_triggers_only_when_it_changes_a_fact_of_its_own() {
    let cases = [
        ("call.status_changed", json!({"status": "unsuccessful"}), Trigger::CallStatusChanged),
        ("call.spam_changed", json!({"spam": true}), Trigger::CallSpamChanged),
        (
            "call.transcribed",
            json!({"text": [{"channel": "client", "phrase": "hello"}]}),
            Trigger::CallTranscribed,
        ),
        ("lead.tags_changed", json!({"tags_api": ["Sales"]}), Trigger::LeadTagsChanged),
        (
            "lead.comments_changed",
            json!({"comment": [{"party": "a", "comment": "b"}]}),
            Trigger::LeadCommentsChanged,
        ),
        ("lead.manager_changed", json!({"manager": "Ann"}), Trigger::LeadManagerChanged),
        ("lead.rating_changed", json!({"rating": 4}), Trigger::LeadRatingChanged),
    ];
    for (kind, facts, trigger) in cases {
        let mut world = World::new(&[event_based()]);
        world.accept("call.ended", "09:51:00", json!({"duration": 60}));
        assert_eq!(triggers(&world.accept(kind, "09:52:00", facts.clone())), [trigger], "{kind}");
        assert_eq!(triggers(&world.accept(kind, "09:53:00", facts)), [], "{kind} says nothing new");
        let other = world.accept(kind, "09:54:00", json!({"orderId": "5"}));
        assert_eq!(triggers(&other), [], "{kind} with other facts");
        assert_eq!(other.lead.text(Parameter::OrderId), Some("5"));
    }
}

#[test]
fn marks_that_were_never_set_equal_marks_that_are_off() {
    let mut world = World::new(&[event_based()]);
    world.accept("call.ended", "09:51:00", json!({"duration": 60}));
    for (kind, facts) in [
        ("call.spam_changed", json!({"spam": false})),
        ("lead.rating_changed", json!({"rating": 0})),
        ("lead.tags_changed", json!({"tags_manual": []})),
        ("call.status_changed", json!({"status": "successful"})),
    ] {
        assert_eq!(triggers(&world.accept(kind, "09:52:00", facts)), [], "{kind}");
    }
}

#[test]
fn an_event_older_than_the_newest_only_fills_facts_that_are_absent() {
    let mut world = World::new(&[event_based()]);
    world.accept("call.ended", "09:51:00", json!({}));
    world.accept("lead.updated", "09:55:00", json!({"manager": "Ann", "attrs": {"a": "new"}}));
    let facts =
        json!({"manager": "Bob", "orderId": "5", "attrs": {"a": "old", "b": "old"}, "tags_api": null});
    let stale = world.accept("lead.manager_changed", "09:54:00", facts);
    assert_eq!(triggers(&stale), []);
    assert_eq!(stale.lead.text(Parameter::Manager), Some("Ann"));
    assert_eq!(stale.lead.text(Parameter::OrderId), Some("5"));
    assert_eq!(stale.lead.facts[&Parameter::Attrs].to_json(Parameter::Attrs), json!({"a": "new"}));
    assert_eq!(stale.cause.effect, Effect::FilledAbsent);
}

#[test]
fn data_merges_as_rfc_7396_says_and_null_takes_a_fact_back() {
    let mut world = World::new(&[]);
    world.accept(
        "call.ended",
        "09:51:00",
        json!({"manager": "Ann", "attrs": {"a": "1", "b": {"c": 1, "d": 2}}}),
    );
    let facts = json!({"manager": null, "attrs": {"a": null, "b": {"c": null}, "e": "5"}});
    let merged = world.accept("lead.updated", "09:52:00", facts);
    assert_eq!(merged.lead.text(Parameter::Manager), None);
    let attrs = merged.lead.facts[&Parameter::Attrs].to_json(Parameter::Attrs);
    assert_eq!(attrs, json!({"b": {"d": 2}, "e": "5"}));
}

#[test]
fn visits_are_united_by_time_and_session() {
    let mut world = World::new(&[]);
    let visit = |at: &str, session: &str, city: Value| json!({"at": at, "sessionId": session, "city": city});
    let first = json!({"visits": [visit("2026-03-02T09:00:00Z", "s1", json!("Omsk"))]});
    world.accept("call.ended", "09:51:00", first);
    let more = json!({"visits": [
        visit("2026-03-01T09:00:00Z", "s0", json!(null)),
        {"at": "2026-03-02T09:00:00Z", "sessionId": "s1", "url": "https://site.example/"},
    ]});
    let lead = world.accept("lead.updated", "09:52:00", more).lead;
    assert_eq!(lead.visits.len(), 2);
    assert_eq!(lead.visits[0].session_id.as_deref(), Some("s0"));
    assert_eq!(lead.visits[1].city.as_deref(), Some("Omsk"));
    assert_eq!(lead.visits[1].url.as_deref(), Some("https://site.example/"));
}

#[test]
fn phones_are_kept_as_digits_in_the_sites_countrys_form() {
    let facts = json!({"callerphone": "8 (999) 000-00-01", "phonenumber": "495 000 00 02", "redirectNumber": "sip:1@pbx.example"});
    let lead = World::new(&[]).accept("call.ended", "09:51:00", facts).lead;
    assert_eq!(lead.text(Parameter::CallerPhone), Some("79990000001"));
    assert_eq!(lead.text(Parameter::PhoneNumber), Some("74950000002"));
    assert_eq!(lead.text(Parameter::RedirectNumber), Some("sip:1@pbx.example"));
}
