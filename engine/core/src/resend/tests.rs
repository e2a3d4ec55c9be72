//! What is refused of a resend, what it does about each delivery, and how much of a handler it takes.

use serde_json::json;

use super::*;
use crate::{
    delivery::{Attempt, Method, Rendering, Request, ResendOf, Source},
    event::Trigger,
    id::{DeliveryId, Lane, LeadRef, SiteId},
    lead::LeadKind,
    outcome::{Answer, Outcome},
};

const HOUR_MS: i64 = DAY_MS / 24;

fn wanted(from: i64, to: i64) -> Wanted {
    let (from, to) = (Timestamp(from * HOUR_MS), Timestamp(to * HOUR_MS));
    Wanted { webhook: WebhookId(7), from, to, only: Only::All, url: UrlOf::Then }
}

/// The codes of what is refused at hour 2,000 of a webhook that was made at hour 100.
fn refused(from: i64, to: i64) -> Vec<String> {
    let checked = wanted(from, to).check(Timestamp(100 * HOUR_MS), Timestamp(2_000 * HOUR_MS));
    checked.err().map_or_else(Vec::new, |faults| faults.0.into_iter().map(|fault| fault.code).collect())
}

#[test]
fn a_period_is_refused_for_everything_that_is_wrong_with_it() {
    assert_eq!(refused(1_000, 2_000), ["period_too_long"]);
    assert_eq!(refused(1_000, 1_000 + 31 * 24), [""; 0]);
    assert_eq!(refused(1_000, 1_001 + 31 * 24), ["period_too_long"]);
    assert_eq!((refused(1_990, 2_000), refused(1_990, 2_001)), (vec![], vec!["in_the_future".to_owned()]));
    assert_eq!(
        (refused(1_500, 1_500), refused(1_500, 1_499).len()),
        (vec!["ends_before_start".to_owned()], 1)
    );
    assert_eq!((refused(50, 101), refused(50, 100)), (vec![], vec!["before_webhook".to_owned()]));
    assert_eq!(refused(90, 80), ["ends_before_start", "before_webhook"]);
}

#[test]
fn what_is_asked_for_is_read_whole_or_refused_with_every_place() {
    let webhook = WebhookId(7).to_string();
    let asked =
        json!({"webhook": webhook, "from": "1970-01-01T01:00:00Z", "to": "1970-01-01T05:00:00+02:00"});
    assert_eq!(Wanted::parse(&asked), Ok(wanted(1, 3)));
    let mut more = asked;
    more["only"] = json!("failed");
    more["url"] = json!("current");
    assert_eq!(Wanted::parse(&more), Ok(Wanted { only: Only::Failed, url: UrlOf::Current, ..wanted(1, 3) }));
    let bad = json!({"webhook": "7", "from": "yesterday", "only": "some", "url": 1, "until": 5});
    let faults = Wanted::parse(&bad).unwrap_err().0;
    let told: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.code.as_str())).collect();
    let expected = [
        ("webhook", "bad_webhook_id"),
        ("from", "bad_time"),
        ("to", "missing"),
        ("only", "unknown_value"),
        ("url", "wrong_type"),
        ("until", "unknown_field"),
    ];
    assert_eq!(told, expected);
}

/// A delivery with this state after one attempt.
fn delivery(state: State) -> Delivery {
    let lane = Lane { webhook: WebhookId(7), lead: Serial(1) };
    let request =
        Request { method: Method::Get, url: "http://a.example/".to_owned(), headers: vec![], body: vec![] };
    let rendering = Rendering {
        request,
        at: Timestamp(1),
        revision: 1,
        site_revision: 1,
        lead_version: 1,
        fingerprints: None,
        changed_fields: None,
        warnings: vec![],
    };
    let outcome = Outcome::Answered(Answer { status: 500, ..Answer::default() });
    Delivery {
        id: DeliveryId { lane, serial: Serial(2) },
        lead: LeadRef { site: SiteId::new("1").unwrap(), kind: LeadKind::Call, id: "1".to_owned() },
        trigger: Trigger::CallEnded,
        occurred_at: Timestamp(1),
        source: Source::Version(1),
        state,
        renderings: vec![rendering],
        attempts: vec![Attempt {
            number: 1,
            started_at: Timestamp(1),
            elapsed_ms: 1,
            rendering: Some(0),
            outcome,
        }],
        runs: vec![],
        resend_of: None,
        resends: vec![],
    }
}

fn states() -> [State; 5] {
    let (at, reason) = (Timestamp(9), || "so".to_owned());
    [
        State::Delivered { at },
        State::Failed { at, reason: reason() },
        State::Cancelled { at, reason: reason() },
        State::Skipped { at, reason: reason() },
        State::Retrying { due: at },
    ]
}

#[test]
fn what_was_attempted_and_has_ended_is_sent_again_and_what_is_left_alone_is_counted() {
    use Choice::{NotAmong, SendAgain, Skip};
    let choices = |only| {
        let wanted = Wanted { only, ..wanted(0, 1) };
        states().map(|state| wanted.choose(&delivery(state)))
    };
    assert_eq!(choices(Only::All), [SendAgain, SendAgain, SendAgain, Skip, Skip]);
    assert_eq!(choices(Only::Failed), [NotAmong, SendAgain, NotAmong, NotAmong, Skip]);
}

#[test]
fn what_was_never_attempted_or_sends_again_itself_is_not_among_them() {
    let [delivered, failed, ..] = states();
    let wanted = wanted(0, 1);
    let mut never = delivery(failed.clone());
    never.attempts.clear();
    assert_eq!(wanted.choose(&never), Choice::NotAmong);
    let mut again = delivery(delivered);
    again.resend_of = Some(ResendOf { first: again.id, url: None });
    assert_eq!(wanted.choose(&again), Choice::NotAmong);
    let mut unrendered = delivery(failed.clone());
    unrendered.renderings.clear();
    assert_eq!(wanted.choose(&unrendered), Choice::TakeUp);
    let mut often = delivery(failed);
    often.resends = vec![often.id; RESENDS_MAX];
    assert_eq!(wanted.choose(&often), Choice::Skip);
}

#[test]
fn at_least_half_of_a_handlers_places_are_left_to_fresh_leads() {
    let at_once = |per_second, concurrent| due_at_once(Rate { per_second, concurrent });
    assert_eq!([at_once(None, 256), at_once(None, 32), at_once(None, 8), at_once(None, 1)], [16, 16, 4, 1]);
    assert_eq!([at_once(Some(1), 32), at_once(Some(6), 32), at_once(Some(1_000), 32)], [1, 3, 16]);
}

#[test]
fn counts_add_up_and_the_place_tells_how_far_it_is() {
    let mut counts = Counts { selected: 6, ..Counts::default() };
    states().iter().for_each(|state| counts.note(state));
    assert_eq!((counts.delivered, counts.failed, counts.skipped, counts.open()), (1, 1, 2, 2));
    let id = ResendId(Serial::at(Timestamp(100 * HOUR_MS)));
    let mut resend = Resend::new(id, wanted(60, 61));
    assert_eq!((resend.place.time(), resend.has_counted()), (Timestamp(36 * HOUR_MS), false));
    (resend.counted, resend.counted_to) = (7, id.0);
    assert_eq!((resend.has_counted(), resend.has_looked_through(), resend.selected()), (true, false, 7));
    let phase = Phase::Cancelled { at: Timestamp(0) };
    assert_eq!(Resend { phase, ..resend.clone() }.selected(), 0, "what was not reached is not sent");
    (resend.place, resend.counts) = (id.0, counts);
    assert_eq!((resend.has_looked_through(), resend.selected()), (true, 6));
    assert_eq!(resend.state(false), ResendState::Paused);
}
