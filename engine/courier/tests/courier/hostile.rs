//! Every hostile peer: what an attempt comes to, that it ends in time, and that little is read and less is kept.

use std::time::{Duration, Instant};

use leadhook_core::outcome::Outcome;
use leadhook_courier::{Courier, CourierSettings, Roots};
use leadhook_hostile::{
    Seen,
    cases::{self, Case, Ending, KEPT_BYTES_MAX, NAME, SAID_BYTES_MAX, Speech},
    each_case,
};

use crate::fixture::{AMPLE, SHORT, courier, send, settings};

/// How long an attempt may go on beyond its deadline on a machine that is busy with other things.
const GRACE: Duration = Duration::from_secs(5);

/// The answers' heads that may be kept: what is read of one.
const HEAD_BYTES_MAX: usize = 64 * 1024;

fn courier_for(case: &Case) -> Courier {
    let Speech::Tls { roots, .. } = &case.speech else { return courier() };
    let roots = Roots::default().and_pem(roots.as_bytes()).unwrap();
    Courier::new(CourierSettings { roots, ..settings() }).unwrap()
}

/// Cases that go on until the deadline get one that is soon.
fn timeout(case: &Case) -> Duration {
    match case.ending {
        Ending::Broken { kind, .. } if kind.starts_with("timeout") => SHORT,
        _ => AMPLE,
    }
}

fn ending(outcome: &Outcome) -> Ending {
    match outcome {
        Outcome::Answered(answer) => {
            let head: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(
                head <= HEAD_BYTES_MAX && answer.body.len() <= KEPT_BYTES_MAX,
                "{} {head}",
                answer.status
            );
            Ending::Answered { status: answer.status, kept_bytes: answer.body.len(), is_cut: answer.body_cut }
        }
        Outcome::Broken { kind, status, .. } => Ending::Broken { kind: kind.word(), status: *status },
        Outcome::Withheld { .. } => panic!("no plugin has a part in this: {outcome:?}"),
    }
}

async fn assert_ends(case: Case) {
    let peer = case.start().await;
    let url = format!("{}?callerphone=79161234567", case.url(&peer, NAME));
    let courier = courier_for(&case);
    let began = Instant::now();
    let timeout = timeout(&case);
    let outcome = send(&courier, &url, timeout).await;
    assert!(began.elapsed() < timeout + GRACE, "it took {:?}", began.elapsed());
    assert_eq!(ending(&outcome), case.ending, "{outcome:?}");
    if let Outcome::Broken { detail, .. } = &outcome {
        assert!(!detail.contains("7916") && !detail.contains("/in"), "{detail}");
        assert!(detail.contains(&peer.port().to_string()), "{detail}");
    }
    // The courier lives, so that it is not its end that closes the connection.
    peer.until_ended(1).await;
    let Seen { from, said_bytes, .. } = peer.seen();
    assert_eq!(from.len(), 1, "one attempt is one connection");
    assert!(said_bytes < SAID_BYTES_MAX, "{said_bytes} bytes were taken");
    drop(courier);
}

macro_rules! one_test_each {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            assert_ends(cases::$name()).await;
        })*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}
each_case!(one_test_each);

#[test]
fn there_is_one_case_of_each_name() {
    let named: Vec<_> = cases::all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, NAMES);
    assert!(NAMES.len() >= 80, "{}", NAMES.len());
}
