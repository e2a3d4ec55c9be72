//! A sample lead that has everything a lead can have, so that a preview without a lead and an activation's
//! probe show every parameter. Its phones belong to nobody, its hosts are reserved (RFC 2606), and so is
//! its address (RFC 5737).

use serde_json::json;

use crate::{
    catalogue::Parameter,
    extra::Extra,
    fact::{Fact, Facts},
    id::{LeadRef, SiteId},
    lead::{Decided, Happened, Lead, LeadKind, Start},
    time::{MINUTE_MS, Serial, Timestamp},
    visit::Visit,
};

const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/124.0.0.0 Safari/537.36";

/// A finished call, or a request, of ten minutes before `now` on this site.
pub fn sample_lead(kind: LeadKind, site: &SiteId, now: Timestamp) -> Lead {
    let started = now.plus_ms(-10 * MINUTE_MS);
    let (id, facts) = match kind {
        LeadKind::Call => ("1000000001", call_facts()),
        LeadKind::Request => ("2000000001", request_facts()),
    };
    let mut facts: Facts = facts.into_iter().chain(common_facts()).collect();
    facts.retain(|parameter, _| parameter.exists_for(kind));
    let happened = Happened {
        call_started: kind == LeadKind::Call,
        call_ended: kind == LeadKind::Call,
        request_created: kind == LeadKind::Request,
    };
    Lead {
        reference: LeadRef { site: site.clone(), kind, id: id.to_owned() },
        serial: Serial::at(started),
        version: 1,
        newest_event_time: now,
        start: Start { at: started, stated: true },
        happened,
        facts,
        pool_source: None,
        pool_medium: None,
        visits: visits(started),
        decided: Decided { unique: true, target: Some(true), unique_target: Some(true) },
        extra: Extra::new(),
    }
}

fn text(text: &str) -> Fact {
    Fact::Text(text.to_owned())
}

fn tags(tags: &[&str]) -> Fact {
    Fact::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect())
}

fn records(records: &[(&str, &str)]) -> Fact {
    Fact::Records(records.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
}

fn common_facts() -> Vec<(Parameter, Fact)> {
    use Parameter as P;
    vec![
        (P::CallerPhone, text("79990000001")),
        (P::Rating, Fact::Int(5)),
        (P::Comment, records(&[("Ирина", "Просит перезвонить завтра"), ("Олег", "Перезвонили")])),
        (P::TagsAutoPr, tags(&["Продажа"])),
        (P::TagsAutoAf, tags(&["Проверен"])),
        (P::TagsAutoGr, tags(&["Женщина"])),
        (P::TagsAutoCt, tags(&["Доб. 101"])),
        (P::TagsAutoPn, tags(&["Регион"])),
        (P::TagsManual, tags(&["Отдел продаж", "VIP"])),
        (P::TagsApi, tags(&["crm"])),
        (P::OrderId, text("D-1001")),
        (P::Manager, text("Ирина Образцова")),
    ]
}

fn call_facts() -> Vec<(Parameter, Fact)> {
    use Parameter as P;
    vec![
        (P::PhoneNumber, text("78000000001")),
        (P::RedirectNumber, text("78000000002")),
        (P::Duration, Fact::Int(95)),
        (P::WaitingTime, Fact::Int(8)),
        (P::Pool, text("dynamic")),
        (P::Callback, text("callback")),
        (P::CallbackRequestId, text("3000000001")),
        (P::CallbackFinalAttempt, Fact::Bool(true)),
        (P::SipCallId, text("sample-1000000001@sip.example")),
        (P::CallReferenceNumber, text("1000000001.1")),
        (P::RecLink, text("https://recordings.example/1000000001.mp3")),
        (P::CallUrl, text("https://shop.example/contacts")),
        (P::Spam, Fact::Bool(false)),
        (
            P::Text,
            records(&[
                ("operator", "Добрый день, магазин, Ирина"),
                ("client", "Здравствуйте, есть ли доставка?"),
            ]),
        ),
    ]
}

fn request_facts() -> Vec<(Parameter, Fact)> {
    use Parameter as P;
    vec![
        (P::RequestNumber, text("F-2001")),
        (P::Subject, text("Заявка на доставку")),
        (P::Fio, text("Анна Примерова")),
        (P::Email, text("anna@client.example")),
        (P::TagsRequest, tags(&["Доставка"])),
        (P::RequestUrl, text("https://shop.example/delivery")),
    ]
}

/// Paid search first, a bookmark later: the two attribution models show two sources.
fn visits(started: Timestamp) -> Vec<Visit> {
    let url = "https://shop.example/?utm_source=yandex&utm_medium=cpc&utm_campaign=spring&utm_content=banner1\
               &utm_term=%D0%B4%D0%BE%D1%81%D1%82%D0%B0%D0%B2%D0%BA%D0%B0&abtest=a";
    let own = |text: &str| Some(text.to_owned());
    let paid = Visit {
        at: started.plus_ms(-180 * MINUTE_MS),
        session_id: own("680000001"),
        url: own(url),
        referrer: own("https://yandex.ru/"),
        source: None,
        medium: None,
        gcid: own("123456789.1700000000"),
        ya_client_id: own("1700000000123456789"),
        hostname: own("shop.example"),
        attrs: Some(json!({ "card": "gold" }).to_string()),
        ip: own("192.0.2.10"),
        user_agent: own(USER_AGENT),
        city: own("Москва"),
        browser: None,
        os: None,
        device: None,
    };
    let bookmark = Visit {
        at: started.plus_ms(-3 * MINUTE_MS),
        session_id: own("680000002"),
        url: own("https://shop.example/"),
        referrer: None,
        ..paid.clone()
    };
    vec![paid, bookmark]
}
