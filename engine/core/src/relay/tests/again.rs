//! What is sent with all parameters, taken in by relay and sent again by the same settings, has the same pairs.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value as Json, json};

use super::{super::*, accepted};
use crate::{
    catalogue::{ALL, Kind},
    event::Trigger,
    fact::{field_names, is_made_by_engine},
    render::fixture::{NOW, Stage, pairs},
};

/// What differs in every sending, is made with the engine's own keys, or leads to this engine.
const NOT_COMPARED: [&str; 4] = ["sendingTimestamp", "reclink", "changedFields", "ctCallerId"];

const URLS: [&str; 6] = [
    "https://shop.example/",
    "https://shop.example/?utm_source=yandex&utm_medium=cpc&abtest=a&abtest=b",
    "https://shop.example/?utm_source=&utm_term=%D0%B4%D0%BE%D1%81",
    "shop.example/page?abtest=+&utm_campaign=x#utm_term=y",
    "https://www.google.com/search?q=1",
    "not a url",
];

fn any_text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), ".{0,12}", "[а-яё &=+%#\\[\\]<>{}]{1,9}"].boxed()
}

fn any_phone() -> impl Strategy<Value = String> {
    prop_oneof!["\\+?[0-9]{9,12}", "8 \\([0-9]{3}\\) [0-9]{3}-[0-9]{4}", "sips?:[a-z]{3}@pbx", "[a-z ]{0,5}"]
}

fn any_object() -> impl Strategy<Value = Json> {
    let leaf =
        prop_oneof![any_text().prop_map(Json::from), any::<i64>().prop_map(Json::from), Just(Json::Null)];
    let member = leaf.prop_recursive(2, 6, 3, |inner| vec(inner, 0..3).prop_map(Json::from));
    vec((any_text(), member), 0..3).prop_map(|members| Json::Object(members.into_iter().collect()))
}

/// Anything that a source may state of a parameter.
fn any_value(parameter: Parameter) -> BoxedStrategy<Json> {
    let row = parameter.row();
    match row.kind {
        Kind::Seconds => (0..4_000_i64).prop_map(Json::from).boxed(),
        Kind::Int => (0..=5_i64).prop_map(Json::from).boxed(),
        Kind::Bool => any::<bool>().prop_map(Json::from).boxed(),
        Kind::Tags => vec("[a-dа-г ,&]{0,5}", 0..4).prop_map(Json::from).boxed(),
        Kind::JsonObject => any_object().boxed(),
        Kind::Enum => select(row.values.split('|').collect::<Vec<_>>()).prop_map(Json::from).boxed(),
        Kind::Phone => any_phone().prop_map(Json::from).boxed(),
        Kind::Url => select(&URLS[..]).prop_map(Json::from).boxed(),
        Kind::List => {
            let [first, second] = field_names(row.values);
            let record = (any_text(), any_text()).prop_map(move |(a, b)| json!({ first: a, second: b }));
            vec(record, 1..4).prop_map(Json::from).boxed()
        }
        _ if parameter == Parameter::RedirectNumber => any_phone().prop_map(Json::from).boxed(),
        _ => any_text().prop_map(Json::from).boxed(),
    }
}

/// Some of the facts that a lead of this kind may have.
fn any_facts(kind: LeadKind) -> impl Strategy<Value = Json> {
    let stated = ALL.iter().copied().filter(move |one| one.exists_for(kind) && !is_made_by_engine(*one));
    let some: Vec<_> = stated
        .map(|one| option::weighted(0.4, any_value(one)).prop_map(move |value| (one.name(), value)).boxed())
        .collect();
    some.prop_map(|facts| {
        let stated = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Json::Object(stated.collect())
    })
}

fn any_visit() -> impl Strategy<Value = Json> {
    let names = ["source", "medium", "gcid", "city", "os", "userAgent", "sessionId"];
    let texts: Vec<_> = names
        .into_iter()
        .map(|name| option::weighted(0.3, any_text()).prop_map(move |text| (name, text)).boxed())
        .collect();
    let urls = (option::of(select(&URLS[..])), option::of(select(&URLS[..])), option::of(any_object()));
    (0..60_u8, texts, urls).prop_map(|(minute, texts, (url, referrer, attrs))| {
        let at = format!("2026-02-26T16:{minute:02}:00Z");
        let mut visit = json!({ "at": at, "url": url, "ref": referrer, "attrs": attrs });
        for (name, text) in texts {
            visit[name] = text.into();
        }
        visit
    })
}

fn any_site() -> impl Strategy<Value = Json> {
    let zone = select(&["Europe/Moscow", "Asia/Yekaterinburg", "America/New_York"][..]);
    (zone, any::<[bool; 3]>(), select(&["RU", "KZ"][..])).prop_map(|(zone, [page, sip, link], country)| {
        json!({
            "timezone": zone, "country": country, "tracked_url_params": ["abtest"], "record_call_url": page,
            "sip_call_id_at_start": sip, "allow_reclink": link,
        })
    })
}

/// What a lead's first event states, facts and all else.
fn any_first(kind: LeadKind) -> impl Strategy<Value = Json> {
    let pool = option::of((any_text(), any_text()));
    let began = option::of(select(&["2026-02-26T16:30:00.5Z", "2026-02-26T16:58:59Z"][..]));
    (any_facts(kind), vec(any_visit(), 0..3), pool, began).prop_map(|(mut facts, visits, pool, began)| {
        facts["visits"] = visits.into();
        facts["started_at"] = began.into();
        if let Some((source, medium)) = pool {
            facts["pool_source"] = source.into();
            facts["pool_medium"] = medium.into();
        }
        facts
    })
}

/// A lead's first event, and one group of facts that changes later.
#[derive(Debug)]
struct Story {
    first: EventKind,
    facts: Json,
    change: EventKind,
    later: Json,
    site: Json,
}

fn any_story() -> impl Strategy<Value = Story> {
    let first = select(&[EventKind::CallStarted, EventKind::CallEnded, EventKind::RequestCreated][..]);
    first.prop_flat_map(|first| {
        let kind = first.only_for().unwrap_or(LeadKind::Call);
        let of_kind = move |change: &EventKind| change.only_for().is_none_or(|only| only == kind);
        let change = select(CHANGES.into_iter().filter(of_kind).collect::<Vec<_>>());
        (any_first(kind), change, any_facts(kind), any_site()).prop_map(
            move |(facts, change, later, site)| {
                let own = |name: &str| Parameter::by_name(name).and_then(change_of) == Some(change);
                let later = later.as_object().into_iter().flatten().filter(|(name, _)| own(name));
                let later = Json::Object(later.map(|(name, value)| (name.clone(), value.clone())).collect());
                Story { first, facts, change, later, site }
            },
        )
    })
}

impl Story {
    /// The lead after so many of its events, the trigger of the last, and the body that is sent for it.
    fn sent(&self, events: usize) -> (Stage, Trigger, Vec<u8>) {
        let stated = [(self.first, &self.facts, 17), (self.change, &self.later, 18)];
        let event = |(kind, facts, hour): &(EventKind, &Json, u8)| json!({ "type": kind.word(), "time": format!("2026-02-26T{hour}:00:00Z"), "data": facts });
        let stated: Vec<_> = stated[..events].iter().map(event).collect();
        let kind = self.first.only_for().unwrap();
        let stage = Stage::of_events(kind, &stated, json!({})).on_site(self.site.clone());
        let trigger = [self.first, self.change][events - 1].trigger().unwrap();
        let body = stage.render(trigger, None).request.body;
        (stage, trigger, body)
    }
}

fn compared(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.into_iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str())).collect()
}

fn relayed(body: &[u8], site: &Site, known: Option<&Lead>) -> Lead {
    let read = Relayed::read(Form::parse(&[body]).unwrap(), site, NOW).unwrap();
    accepted(site, &read.unwrap(), known).0
}

proptest! {
    #[test]
    fn what_is_relayed_is_sent_again_with_the_same_pairs(story in any_story()) {
        let mut known = None;
        for events in [1, 2] {
            let (stage, trigger, body) = story.sent(events);
            let lead = relayed(&body, &stage.site, known.as_ref());
            let sent = pairs(&stage.render(trigger, None));
            let again = Stage { lead: lead.clone(), ..stage };
            prop_assert_eq!(compared(again.pairs(trigger)), compared(sent), "{} events", events);
            known = Some(lead);
        }
    }

    #[test]
    fn what_the_catalogue_does_not_know_is_sent_on_as_it_came(
        extra in vec(("x[a-z]{1,4}(\\[[a-z0-9 ]{0,2}\\]){0,2}", any_text()), 1..5),
    ) {
        let text = format!("leadtype=request&requestId=8&{}", serde_urlencoded::to_string(&extra).unwrap());
        let sample = |settings| Stage::sample(LeadKind::Request, settings);
        let lead = relayed(text.as_bytes(), &sample(json!({})).site, None);
        let sent = |settings| Stage { lead: lead.clone(), ..sample(settings) }.pairs(Trigger::RequestCreated);
        let known = |(name, _): &(String, String)| !name.starts_with('x');
        let unknown: Vec<_> = sent(json!({})).into_iter().filter(|pair| !known(pair)).collect();
        prop_assert_eq!(&unknown, &extra);
        let only = json!({ "parameters": { "only": ["requestId"] } });
        prop_assert!(sent(only).iter().all(known));
        let taken = crate::extra::root(&extra[0].0);
        let renamed = sent(json!({ "parameters": { "rename": { "fio": taken } } }));
        prop_assert_eq!(renamed.iter().filter(|(name, _)| crate::extra::root(name) == taken).count(), 1);
    }
}
