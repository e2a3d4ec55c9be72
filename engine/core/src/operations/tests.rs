//! Tests of operations webhooks: what is refused, what is sent, and how the place moves.

use super::*;
use crate::{
    address::AddressPolicy,
    id::WebhookId,
    notification::News,
    outcome::{Answer, BrokenKind},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Timestamp = Timestamp(1_000_000);

fn parse(value: &Value) -> Result<OperationsWebhook, Faults> {
    OperationsWebhook::parse(value, &Known { addresses: &AddressPolicy::default(), account: None })
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered(Answer { status, ..Answer::default() })
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let faults = parse(&json!({"url": "http://127.0.0.1/", "secret": "x", "kinds": ["no_kind"], "more": 1}));
    let found: Vec<_> = faults.unwrap_err().0.into_iter().map(|fault| (fault.path, fault.code)).collect();
    let expected = [
        ("url", "forbidden_address"),
        ("secret", "bad_secret"),
        ("kinds[0]", "unknown_value"),
        ("more", "unknown_field"),
    ];
    assert_eq!(found, expected.map(|(path, code)| (path.to_owned(), code.to_owned())));
    assert_eq!(parse(&json!({})).unwrap_err().0.len(), 2, "url and secret are required");
    let none = json!({"url": "https://ops.example/", "secret": SECRET, "kinds": []});
    assert_eq!(parse(&none).unwrap_err().0[0].code, "empty");
}

#[test]
fn what_was_saved_is_read_again_as_it_was() {
    for kinds in [json!(null), json!(["handler_failing", "resend_finished"])] {
        let given = json!({"url": "https://ops.example/in?x=1", "secret": SECRET, "kinds": kinds});
        let webhook = parse(&given).unwrap();
        assert_eq!(OperationsWebhook::restore(&webhook.to_json()).unwrap(), webhook);
        assert!(webhook.takes(NotificationKind::HandlerFailing));
        assert_eq!(webhook.takes(NotificationKind::PluginFailing), kinds.is_null());
        assert!(!format!("{webhook:?}").contains(&SECRET[6..]), "secrets stay out of logs");
    }
}

#[test]
fn a_notification_is_sent_as_json_with_its_type_its_time_and_what_to_do() {
    let webhook = parse(&json!({"url": "https://ops.example/in", "secret": SECRET})).unwrap();
    let news = News::HandlerFailing { webhook: WebhookId(7) };
    let request = webhook.request(&Notification { serial: Serial(0xab), at: NOW, news: news.clone() });
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("handler_failing"), &json!(NOW.to_rfc3339())));
    let told =
        json!({"id": "00000000000000ab", "webhook": WebhookId(7).to_string(), "detail": news.detail()});
    assert_eq!(body["data"], told);
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://ops.example/in"));
}

#[test]
fn a_failure_is_tried_again_by_the_waits_and_then_passed_over() {
    let refused =
        Outcome::Broken { kind: BrokenKind::ConnectionRefused, detail: String::new(), status: None };
    let mut place = Place::beginning(Serial(1), NOW);
    for seconds in RETRY_AFTER_SECONDS_DEFAULT {
        place = place.after(Serial(2), &refused, NOW);
        assert_eq!((place.after, place.due), (Serial(1), NOW.plus_ms(i64::from(*seconds) * 1_000)));
    }
    place = place.after(Serial(2), &refused, NOW);
    assert_eq!((place.after, place.failures, place.due), (Serial(2), 0, NOW), "the next has its turn");
    assert!(place.last_failure.is_some() && !place.stopped);
    place = place.after(Serial(3), &answered(204), NOW);
    assert_eq!(place, Place::beginning(Serial(3), NOW), "a success forgets what was");
}

#[test]
fn a_410_stops_the_sending_until_it_is_set_anew() {
    let place = Place::beginning(Serial(1), NOW).after(Serial(2), &answered(410), NOW);
    assert_eq!((place.after, place.stopped), (Serial(1), true));
    let anew = place.set_anew(NOW.plus_ms(5));
    assert_eq!((anew.after, anew.stopped, anew.due), (Serial(1), false, NOW.plus_ms(5)));
}
