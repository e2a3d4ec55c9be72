//! A client is erased by itself, in the running engine: what is owed is not sent, and a restart in the middle loses nothing.

use std::time::Duration;

use leadhook_core::{
    delivery::StateName,
    erasure::{Erasure, Phase, Subject},
    id::{ErasureId, LeadRef, SiteId},
    lead::LeadKind,
    resend::{Only, Resend, UrlOf, Wanted},
};
use leadhook_runtime::clock::Clock as _;
use leadhook_store::{ErasureBegun, ResendBegun};
use serde_json::json;

use crate::world::{ACCOUNT, World, status};

const PHONE: &str = "+7 (999) 000-00-12";

async fn begin(world: &World) -> ErasureId {
    let subject = Subject::parse(&json!({"phone": PHONE})).unwrap();
    match world.engine.begin_erasure(ACCOUNT, subject).await.unwrap() {
        ErasureBegun::Begun(erasure) => erasure.id,
        other => panic!("{other:?}"),
    }
}

/// The erasure once it is done.
async fn done(world: &World, id: ErasureId) -> Erasure {
    for _ in 0..20_000 {
        let erasure = world.store().erasure(ACCOUNT, id).await.unwrap().unwrap();
        if erasure.phase != Phase::Running {
            return erasure;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it is not done");
}

#[tokio::test]
async fn what_is_owed_to_handlers_of_a_client_that_is_erased_is_not_sent() {
    let mut world = World::new().await;
    let webhook = world.webhook(json!({"retry": {"after_seconds": vec![60; 50]}})).await;
    let delayed = json!({"sending": {"model": "simplified", "delay_minutes": {"call_ended": 30}}});
    world.webhook(delayed).await;
    world.handler.always_answers(status(500));
    let owed = world.post("call.ended", "a", json!({"callerphone": "79990000012"})).await;
    let other = world.post("call.ended", "b", json!({"callerphone": "79990000013"})).await;
    let of_webhook =
        |ids: &[leadhook_core::id::DeliveryId]| *ids.iter().find(|id| id.lane.webhook == webhook).unwrap();
    world.stands(of_webhook(&owed), StateName::Retrying).await;
    let sent_before = world.stands(of_webhook(&other), StateName::Retrying).await.attempts.len();
    world.handler.hold();
    // Both are due by then, whatever their jitter.
    world.clock.advance(70_000);
    world.handler.seen(4).await;
    let id = begin(&world).await;
    world.handler.always_answers(status(200));
    world.handler.let_go();
    world.restart().await;
    let erasure = done(&world, id).await;
    assert_eq!((erasure.counts.leads, erasure.counts.deliveries), (1, 2));
    world.stands_as_time_passes(of_webhook(&other), StateName::Delivered).await;
    assert!(world.delivery(of_webhook(&other)).await.attempts.len() > sent_before);
    world.clock.advance(3_600_000);
    for late in other.iter().filter(|id| id.lane.webhook != webhook) {
        world.stands_as_time_passes(*late, StateName::Delivered).await;
    }
    let phones: Vec<_> = world.handler.seen(5).await.iter().filter_map(|seen| seen.pair("phone")).collect();
    assert!(phones.iter().filter(|phone| *phone == "79990000012").count() <= 2, "{phones:?}");
    for id in owed {
        let delivery = world.delivery(id).await;
        assert!(delivery.state.ended_at().is_some() && delivery.renderings.is_empty(), "{delivery:?}");
    }
}

#[tokio::test]
async fn a_resend_that_is_under_way_counts_what_was_erased_and_ends() {
    let world = World::new().await;
    let webhook = world.webhook(json!({"retry": {"after_seconds": []}})).await;
    let began = world.clock.now();
    for (call, phone) in [("a", "79990000012"), ("b", "79990000013")] {
        let id = world.post("call.ended", call, json!({"callerphone": phone})).await[0];
        world.stands(id, StateName::Delivered).await;
    }
    world.clock.advance(60_000);
    let erasure = begin(&world).await;
    done(&world, erasure).await;
    let to = world.clock.now();
    let wanted = Wanted { webhook, from: began, to, only: Only::All, url: UrlOf::Then };
    let ResendBegun::Begun(resend) = world.engine.begin_resend(ACCOUNT, wanted).await.unwrap() else {
        panic!("it is refused")
    };
    let resend: Resend = loop {
        let resend = world.store().resend(ACCOUNT, resend.id).await.unwrap().unwrap();
        if resend.phase != leadhook_core::resend::Phase::Running {
            break resend;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!((resend.counts.delivered, resend.counts.skipped, resend.erased), (1, 1, 1));
}

#[tokio::test]
async fn every_version_of_a_lead_is_emptied_and_its_history_stays() {
    let world = World::new().await;
    world.webhook(json!({})).await;
    let facts = json!({"callerphone": "79990000012", "duration": 5});
    let id = world.post("call.ended", "a", facts).await[0];
    world.stands(id, StateName::Delivered).await;
    world.post("lead.updated", "a", json!({"manager": "Yolkina"})).await;
    let erasure = begin(&world).await;
    let counts = done(&world, erasure).await.counts;
    assert_eq!((counts.versions, counts.bodies), (2, 1));
    let reference = LeadRef { site: SiteId::new("60001").unwrap(), kind: LeadKind::Call, id: "a".to_owned() };
    let (lead, history) = world.store().lead(ACCOUNT, &reference).await.unwrap().unwrap();
    assert!(lead.facts.is_empty() && history.len() == 2);
}
