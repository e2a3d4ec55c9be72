//! How long reading a full event and deciding what it changes take. Run with `cargo bench -p leadhook-core --bench plan`.

use std::sync::Arc;

use divan::{Bencher, black_box};
use leadhook_core::{
    accept::{Scene, accept},
    event::Event,
    id::{AccountId, SiteId, WebhookId},
    json::Json,
    qualify::Question,
    site::Site,
    time::{Serial, Timestamp},
    webhook::{Settings, Subscription, Switch, Webhook},
};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_772_125_417_000);
const SAVED: Serial = Serial(1);

fn main() {
    divan::main();
}

fn ended() -> Value {
    json!({
        "id": "ended-1500000000000000001",
        "type": "call.ended",
        "site": "60001",
        "lead": {"type": "call", "id": "1500000000000000001"},
        "time": "2026-02-26T17:03:37Z",
        "data": {
            "started_at": "2026-02-26T17:00:09Z",
            "callerphone": "8 (999) 000-10-01", "phonenumber": "79990000100", "redirectNumber": "79990000200",
            "pool": "dynamic", "duration": 194, "waiting_time": 14, "manager": "Анна Петрова",
            "callUrl": "https://shop.example/windows/order", "sip_call_id": "c0ffee01@pbx.example",
            "reclink": "https://records.example/1500000000000000001.mp3",
            "tags_auto_pn": ["Москва и область"], "tags_manual": ["Отдел продаж", "Замер"],
            "comment": [{"party": "Ирина", "comment": "Просит перезвонить завтра"}],
            "visits": [{
                "at": "2026-02-26T16:56:10Z", "sessionId": "681000001", "hostname": "shop.example",
                "url": "https://shop.example/windows?utm_source=yandex&utm_medium=cpc&utm_campaign=okna_msk",
                "ref": "https://yandex.ru/", "gcid": "123456789.1772444470", "yaClientId": "1772444470123456789",
                "attrs": {"roistat": "1009"}, "ip": "203.0.113.17", "city": "Москва",
                "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                              Chrome/124.0.0.0 Safari/537.36",
            }],
        },
    })
}

fn webhook(number: u64) -> Arc<Webhook> {
    let settings = json!({ "url": "https://crm.example/hook" });
    let settings = Settings::restore(&settings).expect("settings that are in order");
    Arc::new(Webhook {
        account: AccountId::DEFAULT,
        id: WebhookId(number),
        revision: 1,
        switch: Switch::On,
        created: SAVED,
        subscriptions: vec![Subscription { saved: SAVED, sending: settings.sending.clone() }],
        settings: Arc::new(settings),
    })
}

#[divan::bench]
fn read_a_full_event(bencher: Bencher<'_, '_>) {
    let text = ended().to_string();
    bencher.bench_local(|| {
        let json: Json<'_> = serde_json::from_str(black_box(&text)).expect("it is JSON");
        Event::parse(&json).expect("it is an event")
    });
}

#[divan::bench(args = [1, 20])]
fn accept_a_call_ended(bencher: Bencher<'_, '_>, webhooks: u64) {
    let site = Site::new(SiteId::new("60001").expect("a plain id"));
    let webhooks: Vec<_> = (1..=webhooks).map(webhook).collect();
    let scene = Scene { site: &site, webhooks: &webhooks, now: NOW };
    let event = Event::parse(&ended()).expect("it is an event");
    let accepted = || {
        let (mut last, mut seen) = (SAVED, |_: &Question<'_>| false);
        accept(event.clone(), "ended-1".to_owned(), None, scene, &mut last, &mut seen)
            .expect("it makes a lead")
    };
    assert_eq!(accepted().deliveries.len(), webhooks.len(), "every webhook is owed one");
    bencher.bench_local(|| black_box(accepted()));
}
