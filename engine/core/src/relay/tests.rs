//! Webhooks of the tracking service become the events that the contract names; what is broken is told by its parameter.

mod again;

use super::*;
use crate::{
    accept::{Scene, accept},
    id::SiteId,
    time::Serial,
};

/// 2026-02-26T17:03:37Z.
const NOW: Timestamp = Timestamp(1_772_125_417_000);

fn site() -> Site {
    Site::new(SiteId::new("60001").unwrap())
}

fn read_at(text: &str, now: Timestamp) -> Result<Option<Relayed>, Faults> {
    Relayed::read(Form::parse(&[text.as_bytes()]).unwrap(), &site(), now)
}

fn take(text: &str) -> Relayed {
    read_at(text, NOW).unwrap().unwrap()
}

/// Takes a webhook in as the store does; the lead after it, and the events that it was.
fn accepted(site: &Site, relayed: &Relayed, known: Option<&Lead>) -> (Lead, Vec<EventKind>) {
    let (mut lead, mut kinds) = (known.cloned(), Vec::new());
    for event in relayed.events(known) {
        kinds.push(event.kind);
        let scene = Scene { site, webhooks: &[], now: NOW };
        let done = accept(event, "e".to_owned(), lead, scene, &mut Serial::default(), &mut |_| false);
        lead = Some(done.unwrap().lead);
    }
    (lead.unwrap(), kinds)
}

/// The lead that these webhooks make, and the events of the last.
fn made_by(texts: &[&str]) -> (Lead, Vec<EventKind>) {
    let (mut known, mut kinds) = (None, Vec::new());
    for text in texts {
        let (lead, events) = accepted(&site(), &take(text), known.as_ref());
        (known, kinds) = (Some(lead), events);
    }
    (known.unwrap(), kinds)
}

const STARTED: &str = "leadtype=call&callphase=callconnected&id=7&callerphone=79990000012";
const ENDED: &str =
    "leadtype=call&callphase=calldisconnected&id=7&callerphone=79990000012&duration=63&status=successful";
const REQUEST: &str = "leadtype=request&requestId=8&email=anna%40client.example&rating=0";

#[test]
fn each_webhook_is_the_events_that_it_tells_of() {
    use EventKind as K;
    let tagged = format!("{ENDED}&tags_manual=Sales%2CVIP&spam=true");
    let rows: [(&[&str], &[EventKind]); 9] = [
        (&[STARTED], &[K::CallStarted]),
        (&[ENDED], &[K::CallEnded]),
        (&[STARTED, ENDED], &[K::CallEnded]),
        (&[ENDED, STARTED], &[K::CallStarted]),
        (&[ENDED, ENDED], &[K::LeadUpdated]),
        (&[ENDED, &tagged], &[K::LeadUpdated, K::CallSpamChanged, K::LeadTagsChanged]),
        (&[STARTED, &format!("{STARTED}&manager=Olga")], &[K::LeadUpdated, K::LeadManagerChanged]),
        (&[REQUEST], &[K::RequestCreated]),
        (&[REQUEST, &format!("{REQUEST}&rating=5")], &[K::LeadUpdated, K::LeadRatingChanged]),
    ];
    for (texts, kinds) in rows {
        assert_eq!(made_by(texts).1, kinds, "{texts:?}");
    }
    let (lead, _) = made_by(&[ENDED, STARTED]);
    assert!(!lead.is_call_in_progress() && lead.int(Parameter::Duration) == Some(63));
}

#[test]
fn brackets_are_read_in_both_forms_and_so_are_spaces() {
    let plain =
        "comment[0][party]=anna&comment[0][comment]=call%20back&comment[1][party]=&comment[1][comment]=x";
    let encoded = "comment%5B0%5D%5Bparty%5D=anna&comment%5b0%5d%5bcomment%5d=call+back&comment[1][comment]=x&comment[1][at]=9";
    let records = [("anna".to_owned(), "call back".to_owned()), (String::new(), "x".to_owned())];
    for list in [plain, encoded] {
        assert_eq!(made_by(&[&format!("{ENDED}&{list}")]).0.records(Parameter::Comment), records, "{list}");
    }
    let (lead, _) = made_by(&[&format!("{ENDED}&tags_api[]=a&tags_api[]=b&attrs[card]=gold")]);
    assert_eq!(lead.tags(Parameter::TagsApi), ["a", "b"]);
    let attrs = lead.facts.get(&Parameter::Attrs).map(|fact| fact.to_json(Parameter::Attrs));
    assert_eq!(attrs, Some(serde_json::json!({ "card": "gold" })));
}

#[test]
fn a_placeholder_takes_a_fact_back_and_a_missing_pair_leaves_it() {
    let full =
        format!("{ENDED}&fio=x&tags_manual=a&source=google&utm_term=t&manager=Olga&city=Perm&unique=true");
    let (lead, _) = made_by(&[&full]);
    assert_eq!(lead.text(Parameter::Manager), Some("Olga"));
    let absent = "tags_manual=null&source=undefined&utm_term=%3C%D0%BD%D0%B5+%D1%83%D0%BA%D0%B0%D0%B7%D0%B0%D0%BD%D0%BE%3E&manager=";
    let (lead, kinds) = made_by(&[&full, &format!("{ENDED}&{absent}")]);
    let left: Vec<_> = lead.facts.keys().map(|parameter| parameter.name()).collect();
    assert_eq!(left, ["callerphone", "duration", "status", "unique", "city"]);
    assert_eq!(kinds, [EventKind::LeadUpdated, EventKind::LeadTagsChanged, EventKind::LeadManagerChanged]);
    assert_eq!(lead.extra, [("fio".to_owned(), "x".to_owned())], "a call has no `fio`");
}

#[test]
fn when_it_began_is_the_timestamp_or_else_the_local_time_of_the_site() {
    let start = |more: &str| made_by(&[&format!("{ENDED}&{more}")]).0.start;
    let began = Timestamp(1_772_125_300_000);
    for more in ["timestamp=1772125300", "calltime=2026-02-26+20:01:40", "timestamp=1772125300&calltime=then"]
    {
        assert_eq!((start(more).at, start(more).stated), (began, true), "{more}");
    }
    assert_eq!((start("waiting_time=7").at, start("").stated), (NOW.plus_ms(-70_000), false));
    let sent_early = format!("{ENDED}&sendingTimestamp=1772125410");
    assert_eq!(take(&sent_early).time, Timestamp(1_772_125_410_000));
    assert_eq!(take(&format!("{ENDED}&sendingTimestamp=1999999999")).time, NOW);
    let (lead, _) = made_by(&[&format!("{ENDED}&manager=Olga"), &format!("{sent_early}&manager=Ivan")]);
    assert_eq!(lead.text(Parameter::Manager), Some("Olga"), "what was sent earlier changes nothing");
}

#[test]
fn whole_numbers_of_other_countries_stay_as_they_were_sent() {
    for number in ["84912345678", "4930123456", "79990000012", "sip:100@pbx.example", "anonymous"] {
        let (lead, _) =
            made_by(&[&format!("leadtype=call&callphase=calldisconnected&id=7&callerphone={number}")]);
        assert_eq!(lead.text(Parameter::CallerPhone), Some(number));
    }
}

#[test]
fn the_services_own_probe_and_an_empty_body_are_no_lead() {
    for text in ["", "&&", "=x", "callphase={callphase}&id=7", "phone={callerphone}&id=7"] {
        assert_eq!(read_at(text, NOW), Ok(None), "{text}");
    }
    for text in ["comment[0][party]=x&comment[0][comment]={duration}", "x={y}", "city={hostname}"] {
        assert!(read_at(&format!("{ENDED}&{text}"), NOW).unwrap().is_some(), "{text}");
    }
}

#[test]
fn what_is_left_out_of_the_identity_is_found_where_it_can_be() {
    let lead = |text: &str| (take(text).lead.kind, take(text).first());
    assert_eq!(lead("requestId=8"), (LeadKind::Request, EventKind::RequestCreated));
    assert_eq!(lead("id=7&duration=0"), (LeadKind::Call, EventKind::CallEnded));
    assert_eq!(lead("callphase=callconnected&id=7"), (LeadKind::Call, EventKind::CallStarted));
}

#[test]
fn what_is_broken_is_told_by_its_parameter_all_at_once() {
    let rows = [
        ("callerphone=7", "leadtype:missing"),
        ("leadtype=chat&id=7", "leadtype:unknown_lead_type"),
        ("leadtype=call&callphase=callconnected", "id:missing"),
        ("leadtype=request&requestId=null", "requestId:missing"),
        ("leadtype=call&id=7", "callphase:missing"),
        ("leadtype=call&id=7&callphase=ringing", "callphase:unknown_value"),
        (&format!("{ENDED}&id=a%0Ab"), "id:bad_id"),
        (
            &format!("{ENDED}&duration=long&unique=yes&rating=6"),
            "duration:wrong_type unique:wrong_type rating:out_of_range",
        ),
        (&format!("{ENDED}&status=answered"), "status:unknown_value"),
        (
            &format!("{ENDED}&timestamp=now&sendingTimestamp=-1"),
            "sendingTimestamp:bad_time timestamp:bad_time",
        ),
        (&format!("{ENDED}&calltime=26.02.2026"), "calltime:bad_time"),
        (&format!("{ENDED}&comment=hello&source[]=x"), "comment:wrong_type source:wrong_type"),
        (&format!("{ENDED}&text[0][phrase][]=x"), "text[0].phrase:wrong_type"),
        (&format!("{ENDED}&x={}", "y".repeat(20_000)), "x:too_long"),
    ];
    for (text, expected) in rows {
        let faults = read_at(text, NOW).unwrap_err().0;
        let told: Vec<_> = faults.iter().map(|fault| format!("{}:{}", fault.path, fault.code)).collect();
        assert_eq!(told.join(" "), expected, "{text}");
    }
    let many: String = (0..300).map(|number| format!("&n{number}=")).collect();
    assert_eq!(read_at(&format!("{ENDED}{many}"), NOW).unwrap_err().0[0].code, "too_many");
}

#[test]
fn a_request_as_the_service_was_seen_to_send_it_lacks_only_its_id() {
    let observed = include_str!("../../../../tests/data/observed_call_started.txt");
    let (_, query) = observed.trim_end().split_once('?').unwrap();
    assert_eq!(read_at(query, NOW).unwrap_err().0[0].path, "id");
    let (lead, kinds) = made_by(&[&format!("{query}&id=7")]);
    assert_eq!((kinds, lead.start.at), (vec![EventKind::CallStarted], Timestamp(1_589_863_865_000)));
    assert_eq!(lead.text(Parameter::Ref), Some("https://www.google.ru/"));
    assert_eq!(lead.facts.get(&Parameter::RedirectNumber), None);
    assert_eq!(lead.facts.get(&Parameter::UtmSource), None);
    assert!(lead.extra.is_empty());
}
