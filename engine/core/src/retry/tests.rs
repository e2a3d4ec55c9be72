//! What follows from an attempt: tables for the rules, properties for the wait.

use proptest::prelude::*;
use url::Url;

use super::*;
use crate::{
    delivery::Method,
    outcome::BrokenKind,
    webhook::{Attribution, LeadClass, Ordering, RETRY_AFTER_SECONDS_DEFAULT, Rate, Sending},
};

/// 1994-11-06T08:49:37Z, the date that RFC 9110 uses.
const NOW: Timestamp = Timestamp(784_111_777_000);

fn settings(success: Success, steps: &[u32]) -> Settings {
    Settings {
        source: serde_json::Value::Null,
        name: "crm".to_owned(),
        url: Url::parse("https://crm.example/leads").unwrap(),
        method: Method::Post,
        attribution: Attribution::LastNonDirect,
        sites: None,
        calls: LeadClass::All,
        requests: LeadClass::All,
        tags: Vec::new(),
        traffic: Vec::new(),
        sending: Sending::Simplified { call_started: false, call_ended: Some(0), request_created: Some(0) },
        parameters: Vec::new(),
        sends_extra: true,
        transform: Vec::new(),
        headers: Vec::new(),
        signing: Vec::new(),
        success,
        timeout_seconds: 15,
        retry_after_seconds: steps.to_vec(),
        rate: Rate { per_second: None, concurrent: 32 },
        ordering: Ordering::Lead,
    }
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered(Answer { status, ..Answer::default() })
}

fn answered_with_retry_after(value: &str) -> Outcome {
    let headers = vec![("retry-after".to_owned(), value.to_owned())];
    Outcome::Answered(Answer { status: 503, headers, ..Answer::default() })
}

fn broken(kind: BrokenKind, status: Option<u16>) -> Outcome {
    Outcome::Broken { kind, detail: "crm.example:443".to_owned(), status }
}

/// The wait that follows, in seconds, without jitter.
fn wait_seconds(steps: &[u32], outcome: &Outcome, failures_before: usize) -> Option<i64> {
    match verdict(&settings(Success::Any2xx, steps), outcome, failures_before, NOW, 0.0) {
        Verdict::Retry { due } => Some((due.0 - NOW.0) / 1000),
        _ => None,
    }
}

#[test]
fn success_is_any_2xx_or_only_200_and_a_redirect_is_a_failure() {
    let cases = [(200, true, true), (201, true, false), (204, true, false), (299, true, false)];
    let failures = [301, 302, 307, 308, 400, 404, 429, 500, 503].map(|status| (status, false, false));
    for (status, any, only) in cases.into_iter().chain(failures) {
        let outcome = answered(status);
        assert_eq!(is_success(&settings(Success::Any2xx, &[]), &outcome), any, "{status}");
        assert_eq!(is_success(&settings(Success::Only200, &[]), &outcome), only, "{status}");
    }
    let cut_off = broken(BrokenKind::ConnectionLost, Some(200));
    assert!(!is_success(&settings(Success::Any2xx, &[]), &cut_off));
}

#[test]
fn the_default_policy_makes_ten_attempts_over_about_three_days() {
    let waits =
        (0..).map_while(|failures| wait_seconds(RETRY_AFTER_SECONDS_DEFAULT, &answered(500), failures));
    let waits: Vec<_> = waits.collect();
    assert_eq!(waits, RETRY_AFTER_SECONDS_DEFAULT.iter().map(|step| i64::from(*step)).collect::<Vec<_>>());
    assert_eq!(waits.iter().sum::<i64>() / 3600, 75);
}

#[test]
fn retry_after_lengthens_the_wait_up_to_the_next_step_and_never_shortens_it() {
    let steps = &[60, 600, 3600];
    let cases = [
        ("0", 0, 60),
        ("30", 0, 60),
        ("120", 0, 120),
        ("9999", 0, 600),
        ("99999999999999999999999", 0, 600),
        ("9999", 1, 3600),
        // The last step has no next one.
        ("9999", 2, 3600),
        ("Sun, 06 Nov 1994 08:51:37 GMT", 0, 120),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 0, 60),
        ("Sat, 05 Nov 1994 08:49:37 GMT", 0, 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0, 600),
        ("soon", 0, 60),
        ("-120", 0, 60),
        ("", 0, 60),
    ];
    for (value, failures_before, expected) in cases {
        let wait = wait_seconds(steps, &answered_with_retry_after(value), failures_before);
        assert_eq!(wait, Some(expected), "{value} after {failures_before} failures");
    }
}

#[test]
fn an_exhausted_policy_fails_with_the_last_outcome_in_words() {
    let cases = [
        (answered(503), 9, "the handler answered 503 (10 attempts)"),
        (answered(302), 9, "the handler answered 302 (10 attempts)"),
        (
            broken(BrokenKind::ConnectionRefused, None),
            9,
            "the connection was refused: crm.example:443 (10 attempts)",
        ),
    ];
    for (outcome, failures_before, reason) in cases {
        let settings = settings(Success::Any2xx, RETRY_AFTER_SECONDS_DEFAULT);
        let failed = Verdict::Failed { reason: reason.to_owned() };
        assert_eq!(verdict(&settings, &outcome, failures_before, NOW, 0.5), failed);
    }
    let failed = Verdict::Failed { reason: "the handler answered 500 (1 attempt)".to_owned() };
    assert_eq!(verdict(&settings(Success::Any2xx, &[]), &answered(500), 0, NOW, 0.5), failed);
}

#[test]
fn a_410_switches_the_webhook_off_at_once_and_says_so() {
    let settings = settings(Success::Any2xx, RETRY_AFTER_SECONDS_DEFAULT);
    let Verdict::SwitchOff { reason } = verdict(&settings, &answered(410), 0, NOW, 0.0) else {
        panic!("a 410 does not switch off")
    };
    assert!(reason.contains("410"), "{reason}");
    let broken_off = broken(BrokenKind::TimeoutReading, Some(410));
    assert!(matches!(verdict(&settings, &broken_off, 0, NOW, 0.0), Verdict::Retry { .. }));
}

#[test]
fn a_plugin_can_judge_a_2xx_to_be_a_failure() {
    let settings = settings(Success::Plugin("receipt".to_owned()), &[5]);
    assert_eq!(verdict(&settings, &answered(200), 0, NOW, 0.0), Verdict::Delivered);
    let due = NOW.plus_ms(5_000);
    assert_eq!(after_failure(&settings, &answered(200), 0, NOW, 0.0), Verdict::Retry { due });
}

fn retry_after() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        any::<u64>().prop_map(|seconds| Some(seconds.to_string())),
        (0..1_000_000u64).prop_map(|seconds| Some(seconds.to_string())),
        ".{0,40}".prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn a_wait_is_at_least_the_step_and_at_most_a_tenth_over_the_longer_of_it_and_the_next(
        steps in prop::collection::vec(1..=604_800u32, 0..50),
        failures_before in 0..60usize,
        retry_after in retry_after(),
        jitter in prop_oneof![0.0..=1.0f64, Just(f64::NAN), Just(7.0), Just(-7.0)],
    ) {
        let outcome = retry_after.as_deref().map_or(answered(503), answered_with_retry_after);
        let settings = settings(Success::Any2xx, &steps);
        match verdict(&settings, &outcome, failures_before, NOW, jitter) {
            Verdict::Retry { due } => {
                let wait_ms = due.0 - NOW.0;
                let step = steps[failures_before];
                let longer = steps.get(failures_before + 1).copied().unwrap_or(step).max(step);
                prop_assert!(wait_ms >= i64::from(step) * 1000);
                prop_assert!(wait_ms <= i64::from(longer) * 1100);
            }
            Verdict::Failed { .. } => prop_assert!(failures_before >= steps.len()),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn a_handler_that_always_fails_gets_one_attempt_more_than_the_policy_has_steps(
        steps in prop::collection::vec(1..=604_800u32, 0..50),
        jitter in 0.0..=1.0f64,
    ) {
        let settings = settings(Success::Any2xx, &steps);
        let retries = (0..)
            .take_while(|failures| {
                matches!(verdict(&settings, &answered(500), *failures, NOW, jitter), Verdict::Retry { .. })
            })
            .count();
        prop_assert_eq!(retries, steps.len());
    }
}
