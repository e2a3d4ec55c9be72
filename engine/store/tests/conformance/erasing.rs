//! Erasing one client (the contract, "Erasure"): step by step, over restarts, and of nobody else anything.

use leadhook_core::{
    accept::Refusal,
    delivery::{Delivery, State},
    erasure::{Counts, Erasure, Phase, RUNNING_MAX, Subject},
    id::{AccountId, DeliveryId, ErasureId},
    qualify::Client,
    resend::{Only, UrlOf, Wanted},
    time::Timestamp,
};
use leadhook_store::{
    Account, ByHand, ErasureBegun, NextErasureStep, NextStep, ResendBegun, query::LeadQuery,
};
use serde_json::{Value, json};

use super::{
    Fixture,
    world::{ACCOUNT, START, World, attempted, call, ended, event_based, minute, reference},
};

/// The phone of call number 1, as somebody writes it.
const PHONE: &str = "8 (900) 000-00-01";

async fn world<F: Fixture>(fixture: &F) -> World {
    let world = World::new(fixture.store()).await;
    for id in [ACCOUNT, AccountId(2)] {
        let keys = [u8::try_from(id.0).unwrap(); 32];
        let account = Account { id, name: format!("a{}", id.0), client_id_key: keys, recording_key: keys };
        world.store.put_account(account).await.unwrap();
    }
    world
}

fn subject(who: &Value) -> Subject {
    Subject::parse(who).unwrap()
}

async fn begin(world: &World, who: Value) -> ErasureId {
    match world.store.begin_erasure(ACCOUNT, subject(&who), minute(60)).await.unwrap() {
        ErasureBegun::Begun(erasure) => erasure.id,
        other => panic!("{other:?}"),
    }
}

/// Steps as long as the next one is worth while at once.
async fn step(world: &World, id: ErasureId, now: Timestamp) -> NextErasureStep {
    loop {
        let next = world.store.step_erasure(ACCOUNT, id, now).await.unwrap().next;
        if next != NextErasureStep::Now {
            return next;
        }
    }
}

async fn erase(world: &World, who: Value) -> Counts {
    let id = begin(world, who).await;
    assert_eq!(step(world, id, minute(61)).await, NextErasureStep::Never);
    let erasure = erasure(world, id).await;
    assert_eq!(erasure.phase, Phase::Done { at: minute(61) });
    erasure.counts
}

async fn erasure(world: &World, id: ErasureId) -> Erasure {
    world.store.erasure(ACCOUNT, id).await.unwrap().unwrap()
}

async fn delivery(world: &World, id: DeliveryId) -> Delivery {
    world.store.delivery(ACCOUNT, id).await.unwrap().unwrap().delivery
}

/// Whether anything that tells of the client is shown of a lead and its deliveries.
async fn tells(world: &World, lead: &str) -> bool {
    let (newest, history) = world.store.lead(ACCOUNT, &reference(lead)).await.unwrap().unwrap();
    let mut shown = format!("{newest:?}");
    for id in history.iter().flat_map(|cause| &cause.deliveries) {
        let delivery = delivery(world, *id).await;
        shown += &format!("{:?}{:?}{:?}", delivery.renderings, delivery.attempts, delivery.state.reason());
    }
    ["7900000", "body of the answer", "id=1", "he said"].iter().any(|word| shown.contains(word))
}

/// A delivery as it stands after an attempt that somebody answered with words.
fn answered(claimed: &leadhook_store::Claimed, state: State) -> Delivery {
    let mut delivery = attempted(claimed, state, 500, START);
    if let Some(leadhook_core::outcome::Outcome::Answered(answer)) =
        delivery.attempts.last_mut().map(|attempt| &mut attempt.outcome)
    {
        answer.body = b"body of the answer".to_vec();
    }
    delivery
}

fn failed() -> State {
    State::Failed { at: START, reason: "he said 7900".to_owned() }
}

pub(crate) async fn a_clients_leads_are_emptied_and_nobody_elses<F: Fixture>() {
    let mut fixture = F::make().await;
    let mut world = world(&fixture).await;
    let webhook = world.webhook(7, json!({})).await;
    for number in [1, 2] {
        world.accept(ended(number), START).await;
        let claimed = world.claim_one(webhook, START).await;
        let after = answered(&claimed, failed());
        world.settle(claimed, after, START).await;
    }
    // Of a lead whose phone was changed since there is no trace of the one before.
    let of_both = json!({"callerphone": "79000000001", "duration": 5});
    world.accept(call("e3", "call.ended", "c3", of_both), minute(20)).await;
    let changed = json!({"callerphone": "79000000003"});
    world.accept(call("u3", "lead.updated", "c3", changed), minute(21)).await;
    let stored = world.store.stored_bytes(ACCOUNT).await.unwrap();

    let counts = erase(&world, json!({"phone": PHONE})).await;
    let expected = Counts { leads: 2, versions: 3, deliveries: 2, cancelled: 1, bodies: 2, traces: 3 };
    assert_eq!(counts, expected);
    for _ in 0..2 {
        for (lead, is_left) in [("c1", false), ("c2", true), ("c3", false)] {
            assert_eq!(tells(&world, lead).await, is_left, "{lead}");
            let serial = world.store.lead(ACCOUNT, &reference(lead)).await.unwrap().unwrap().0.serial;
            assert_eq!(world.store.erased(ACCOUNT, serial).await.unwrap().is_none(), is_left, "{lead}");
        }
        fixture.reopen().await;
        world = World { store: fixture.store() };
    }
    let client = Client::by_phone("79000000001");
    let found = world.store.leads(ACCOUNT, LeadQuery { client, limit: 10, ..LeadQuery::default() }).await;
    assert!(found.unwrap().rows.is_empty());
    let after = world.store.stored_bytes(ACCOUNT).await.unwrap();
    assert!(after < stored, "{after} of {stored}");
    assert_eq!(erase(&world, json!({"phone": PHONE})).await, Counts::default(), "nothing is left");
}

pub(crate) async fn what_is_owed_is_cancelled_and_what_is_being_sent_is_waited_for<F: Fixture>() {
    let fixture = F::make().await;
    let world = world(&fixture).await;
    let (one, two) = (world.webhook(7, json!({})).await, world.webhook(8, json!({})).await);
    let owed = world.accept(ended(1), START).await.deliveries;
    let claimed = world.claim_one(one, minute(60)).await;
    let id = begin(&world, json!({"phone": PHONE})).await;
    let stepped = world.store.step_erasure(ACCOUNT, id, minute(60)).await.unwrap();
    assert_eq!((stepped.next, stepped.cancelled), (NextErasureStep::AfterSending, [two].into()));
    let cancelled = owed.iter().find(|id| id.lane.webhook == two).unwrap();
    let expected = State::Cancelled { at: minute(60), reason: "erased with its client".to_owned() };
    assert_eq!(delivery(&world, *cancelled).await.state, expected);
    assert!(world.claim(two, 10, minute(90)).await.claimed.is_empty());
    assert_eq!(step(&world, id, minute(60)).await, NextErasureStep::AfterSending);
    assert_eq!(erasure(&world, id).await.counts.leads, 0);

    let after = answered(&claimed, State::Retrying { due: minute(70) });
    world.settle(claimed, after, minute(60)).await;
    assert_eq!(step(&world, id, minute(61)).await, NextErasureStep::Never);
    let expected = Counts { leads: 1, versions: 1, deliveries: 2, cancelled: 2, bodies: 2, traces: 2 };
    assert_eq!(erasure(&world, id).await.counts, expected);
    assert!(!tells(&world, "c1").await);
    assert!(world.claim(one, 10, minute(90)).await.claimed.is_empty());
}

pub(crate) async fn a_lead_that_is_erased_takes_no_events_and_answers_repeated_ones<F: Fixture>() {
    let fixture = F::make().await;
    let world = world(&fixture).await;
    world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    let first = world.accept(ended(1), START).await;
    erase(&world, json!({"phone": PHONE})).await;
    let repeat = world.accept(ended(1), minute(70)).await;
    assert_eq!((&repeat.event_id, &repeat.deliveries), (&first.event_id, &first.deliveries));
    let tags = json!({"tags_manual": ["VIP"]});
    let again = json!({"callerphone": "79000000001", "duration": 5});
    let later = vec![
        call("t1", "lead.tags_changed", "c1", tags),
        call("other-id", "call.ended", "c1", again),
        ended(2),
    ];
    let answers = world.try_accept(later, minute(71)).await;
    let refused = Err(Refusal::Erased(reference("c1")));
    assert_eq!((&answers[0], &answers[1]), (&refused, &refused));
    assert!(answers[2].is_ok() && !tells(&world, "c1").await);
}

pub(crate) async fn what_was_erased_is_not_sent_again_and_counted_so<F: Fixture>() {
    let fixture = F::make().await;
    let world = world(&fixture).await;
    let webhook = world.webhook(7, json!({})).await;
    let mut firsts = Vec::new();
    for number in [1, 2] {
        firsts.push(world.accept(ended(number), START).await.deliveries[0]);
        let claimed = world.claim_one(webhook, START).await;
        let after = answered(&claimed, failed());
        world.settle(claimed, after, START).await;
    }
    let again = match world.store.send_now(ACCOUNT, firsts[0], minute(50)).await.unwrap() {
        ByHand::SentAgain { by, .. } => by,
        other => panic!("{other:?}"),
    };
    let counts = erase(&world, json!({"phone": PHONE})).await;
    assert_eq!((counts.deliveries, counts.cancelled), (2, 1), "what sends it again is erased with it");
    for id in [firsts[0], again] {
        assert_eq!(world.store.send_now(ACCOUNT, id, minute(62)).await.unwrap(), ByHand::Erased);
    }
    let only = Only::All;
    let wanted = Wanted { webhook, from: minute(-60), to: minute(61), only, url: UrlOf::Then };
    let ResendBegun::Begun(resend) = world.store.begin_resend(ACCOUNT, wanted, minute(62)).await.unwrap()
    else {
        panic!("it is refused")
    };
    while world.store.step_resend(ACCOUNT, resend.id, minute(62)).await.unwrap().next != NextStep::Never {
        for claimed in world.claim(webhook, 10, minute(62)).await.claimed {
            world.deliver(claimed, minute(62)).await;
        }
    }
    let resend = world.store.resend(ACCOUNT, resend.id).await.unwrap().unwrap();
    let told = (resend.counts.selected, resend.counts.delivered, resend.counts.skipped, resend.erased);
    assert_eq!(told, (2, 1, 1, 1));
    let listed = world.store.resends(ACCOUNT, 10, None).await.unwrap().rows.remove(0);
    assert_eq!(listed, resend);
}

pub(crate) async fn an_erasure_goes_on_after_a_restart<F: Fixture>() {
    let mut fixture = F::make().await;
    let mut world = world(&fixture).await;
    // One client with more leads than a step erases.
    for number in 0..100 {
        let facts = json!({"callerphone": "79000000001", "duration": 5});
        world.accept(call(&format!("e{number}"), "call.ended", &format!("c{number}"), facts), START).await;
    }
    let id = begin(&world, json!({"phone": PHONE})).await;
    let mut steps = 0;
    loop {
        fixture.reopen().await;
        world = World { store: fixture.store() };
        assert_eq!(world.store.running_erasures().await.unwrap(), [(ACCOUNT, id)]);
        let next = world.store.step_erasure(ACCOUNT, id, minute(61)).await.unwrap().next;
        steps += 1;
        if next == NextErasureStep::Never {
            break;
        }
    }
    assert!(steps > 2, "{steps}");
    let counts = erasure(&world, id).await.counts;
    assert_eq!((counts.leads, counts.versions), (100, 100));
    assert!(world.store.running_erasures().await.unwrap().is_empty());
    for number in 0..100 {
        assert!(!tells(&world, &format!("c{number}")).await, "{number}");
    }
}

pub(crate) async fn of_each_account_only_so_many_erasures_run_at_one_time<F: Fixture>() {
    let fixture = F::make().await;
    let world = world(&fixture).await;
    let mut begun = Vec::new();
    for _ in 0..RUNNING_MAX {
        begun.push(begin(&world, json!({"email": "anna@site.example"})).await);
    }
    let who = || subject(&json!({"email": "anna@site.example"}));
    let ask = async |account| world.store.begin_erasure(account, who(), minute(60)).await.unwrap();
    assert_eq!(ask(ACCOUNT).await, ErasureBegun::TooMany);
    assert_eq!(ask(AccountId(9)).await, ErasureBegun::UnknownAccount);
    let ErasureBegun::Begun(other) = ask(AccountId(2)).await else { panic!("it is refused") };
    let own = erasure(&world, begun[0]).await;
    assert_ne!(own.clients, other.clients, "each account hashes with a key of its own");
    assert!(world.store.erasure(ACCOUNT, other.id).await.unwrap().is_none());
    assert_eq!(step(&world, begun[0], minute(60)).await, NextErasureStep::Never);
    assert!(matches!(ask(ACCOUNT).await, ErasureBegun::Begun(_)));
    let page = world.store.erasures(ACCOUNT, 2, None).await.unwrap();
    let rest = world.store.erasures(ACCOUNT, 500, page.next).await.unwrap();
    assert_eq!((page.rows.len(), rest.rows.len(), rest.next), (2, RUNNING_MAX - 1, None));
    assert_eq!(rest.rows.last().map(|oldest| oldest.id), Some(begun[0]));
}
