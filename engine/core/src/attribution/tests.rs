//! What attribution promises, shown on small leads and on arbitrary ones.

use proptest::prelude::*;

use super::*;
use crate::{
    fact::Fact,
    id::{LeadRef, SiteId},
    lead::{Decided, Happened, LeadKind, Start},
    time::{Serial, Timestamp},
};

fn visit(at: i64, url: &str, referrer: &str) -> Visit {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Visit {
        at: Timestamp(at),
        session_id: None,
        url: text(url),
        referrer: text(referrer),
        source: None,
        medium: None,
        gcid: None,
        ya_client_id: None,
        hostname: None,
        attrs: None,
        ip: None,
        user_agent: None,
        city: None,
        browser: None,
        os: None,
        device: None,
    }
}

fn lead(visits: Vec<Visit>) -> Lead {
    Lead {
        reference: LeadRef { site: SiteId::new("1").unwrap(), kind: LeadKind::Call, id: "1".to_owned() },
        serial: Serial(1),
        version: 1,
        newest_event_time: Timestamp(0),
        start: Start { at: Timestamp(100), stated: true },
        happened: Happened::default(),
        facts: Default::default(),
        pool_source: None,
        pool_medium: None,
        visits,
        decided: Decided::default(),
        extra: Vec::new(),
    }
}

fn channel(visit: &Visit) -> (String, String) {
    let arrival = Arrival::of(visit);
    (arrival.source.unwrap_or_default().into_owned(), arrival.medium.unwrap_or_default().into_owned())
}

#[test]
fn source_and_medium_follow_utm_then_the_referrer_then_are_direct() {
    let own = "https://shop.example/";
    let cases = [
        ("https://shop.example/?utm_source=yandex&utm_medium=cpc", "https://ya.ru/", ("yandex", "cpc")),
        ("https://shop.example/?utm_source=vk", "https://vk.com/", ("vk", "")),
        ("https://shop.example/?utm_medium=email", "https://mail.example/", ("mail.example", "email")),
        ("https://shop.example/?utm_medium=email", "", ("", "email")),
        ("https://shop.example/?utm_source=", "https://www.google.com/", ("google", "organic")),
        (own, "https://www.google.ru/", ("google", "organic")),
        (own, "https://partner.example/a", ("partner.example", "referral")),
        (own, "https://www.shop.example/b", ("(direct)", "(none)")),
        (own, "", ("(direct)", "(none)")),
        ("", "", ("(direct)", "(none)")),
        ("http://[broken?utm_source=a%20b&utm_medium=%D0%B1", "", ("a b", "б")),
    ];
    for (url, referrer, (source, medium)) in cases {
        let expected = (source.to_owned(), medium.to_owned());
        assert_eq!(channel(&visit(1, url, referrer)), expected, "{url} {referrer}");
    }
}

#[test]
fn what_a_visit_states_stands_before_what_its_url_says() {
    let mut stated = visit(1, "https://shop.example/?utm_source=a&utm_medium=b", "https://ya.ru/");
    stated.source = Some("(direct)".to_owned());
    assert_eq!(channel(&stated), ("(direct)".to_owned(), "b".to_owned()));
    stated.url = None;
    assert_eq!(channel(&stated), ("(direct)".to_owned(), "(none)".to_owned()));
    stated.source = Some("offline".to_owned());
    assert_eq!(channel(&stated), ("offline".to_owned(), String::new()));
}

#[test]
fn one_lead_reaches_two_webhooks_with_two_sources() {
    let paid = visit(10, "https://shop.example/?utm_source=yandex&utm_medium=cpc", "");
    let bookmark = visit(90, "https://shop.example/", "");
    let later = visit(101, "https://shop.example/?utm_source=late", "");
    let lead = lead(vec![paid, bookmark, later]);
    let non_direct = Traffic::of(&lead, Attribution::LastNonDirect);
    assert_eq!((non_direct.source(), non_direct.medium()), (Some("yandex"), Some("cpc")));
    assert_eq!(non_direct.last().map(|visit| visit.at), Some(Timestamp(90)));
    let last = Traffic::of(&lead, Attribution::LastInteraction);
    assert_eq!((last.source(), last.medium()), (Some("(direct)"), Some("(none)")));
}

#[test]
fn with_only_direct_visits_the_last_of_them_is_attributed() {
    let lead = lead(vec![visit(10, "https://shop.example/a", ""), visit(100, "https://shop.example/b", "")]);
    let traffic = Traffic::of(&lead, Attribution::LastNonDirect);
    assert_eq!(traffic.attributed().map(|visit| visit.at), Some(Timestamp(100)));
}

#[test]
fn utm_values_tell_a_page_without_marks_from_one_with_some() {
    use Parameter as P;
    let utm = |url: &str, mark| {
        let lead = lead(vec![visit(1, url, "")]);
        Traffic::of(&lead, Attribution::LastInteraction).utm(mark).map(Cow::into_owned)
    };
    assert_eq!(utm("https://shop.example/?q=1", P::UtmTerm), None);
    let some = "https://shop.example/?utm_source=x&utm_source=y&utm_content=#utm_term=z";
    assert_eq!(utm(some, P::UtmSource).as_deref(), Some("x"));
    assert_eq!(utm(some, P::UtmContent).as_deref(), Some(NOT_FILLED));
    assert_eq!(utm(some, P::UtmTerm).as_deref(), Some(NOT_FILLED));
    assert_eq!(utm("https://shop.example/?utm_source=", P::UtmTerm).as_deref(), Some(NOT_FILLED));
}

#[test]
fn a_stated_landing_page_is_read_in_place_of_the_visits() {
    let mut lead = lead(vec![visit(1, "https://shop.example/?utm_source=x", "")]);
    lead.facts.insert(Parameter::Url, Fact::Text("https://b.example/?utm_term=t".to_owned()));
    let traffic = Traffic::of(&lead, Attribution::LastInteraction);
    assert_eq!(traffic.utm(Parameter::UtmTerm).as_deref(), Some("t"));
    assert_eq!(traffic.utm(Parameter::UtmSource).as_deref(), Some(NOT_FILLED));
    assert_eq!(traffic.source(), Some("x"));
    assert_eq!(traffic.hostname().as_deref(), Some("b.example"));
}

#[test]
fn a_static_number_gives_the_source_only_where_there_is_no_visit() {
    let mut lead = lead(vec![]);
    lead.pool_source = Some("billboard".to_owned());
    let traffic = Traffic::of(&lead, Attribution::LastNonDirect);
    assert_eq!((traffic.source(), traffic.medium()), (Some("billboard"), None));
    lead.visits = vec![visit(1, "", "")];
    assert_eq!(Traffic::of(&lead, Attribution::LastNonDirect).source(), Some("(direct)"));
    lead.visits = vec![visit(101, "", "")];
    assert_eq!(Traffic::of(&lead, Attribution::LastNonDirect).source(), Some("billboard"));
}

fn any_url() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "https?://(www\\.)?(shop\\.example|ya\\.ru)/(\\?utm_[a-z]{4,8}=[a-z]{0,3})?",
        "\\PC{0,40}",
    ]
}

proptest! {
    #[test]
    fn the_attributed_visit_is_one_of_those_up_to_the_start(
        mut seeds in proptest::collection::vec((0i64..200, any_url(), any_url()), 0..12),
        last_interaction: bool,
    ) {
        seeds.sort_by_key(|(at, _, _)| *at);
        let lead = lead(seeds.iter().map(|(at, url, referrer)| visit(*at, url, referrer)).collect());
        let model = if last_interaction { Attribution::LastInteraction } else { Attribution::LastNonDirect };
        let traffic = Traffic::of(&lead, model);
        let seen: Vec<_> = lead.visits.iter().filter(|visit| visit.at.0 <= 100).collect();
        prop_assert_eq!(traffic.attributed().is_some(), !seen.is_empty());
        prop_assert_eq!(traffic.last(), seen.last().copied());
        if let Some(chosen) = traffic.attributed() {
            prop_assert!(seen.iter().any(|visit| std::ptr::eq(*visit, chosen)));
            let all_direct = seen.iter().all(|visit| Arrival::of(visit).is_direct());
            prop_assert!(last_interaction || all_direct || !Arrival::of(chosen).is_direct());
        }
        for mark in landing::MARKS {
            prop_assert!(traffic.utm(mark).is_none_or(|value| !value.is_empty()));
        }
        let _ = traffic.hostname();
    }
}
