//! Sending a period again (the contract, "Resend"): step by step, each delivery once, also over a restart.

use leadhook_core::{
    delivery::{Delivery, State, StateName},
    id::{AccountId, DeliveryId, ResendId, WebhookId},
    notification::News,
    resend::{Only, Phase, RESENDS_KEPT_MAX, Resend, ResendState, UrlOf, Wanted},
    time::Timestamp,
    webhook::Switch,
};
use leadhook_store::{NextStep, ResendBegun, Stepped, query::DeliveryQuery};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, World, attempted, call, event_based, minute, settings},
};

/// When the resends of all cases are asked for.
const ASKED: i64 = 60;

fn failed() -> State {
    State::Failed { at: minute(2), reason: "the handler answered 500".to_owned() }
}

/// The delivery of a call that began at this minute, in this state after one attempt.
async fn tried(world: &World, webhook: WebhookId, began: i64, state: State) -> DeliveryId {
    let lead = format!("c{began}");
    let facts = json!({"started_at": minute(began).to_rfc3339(), "duration": 40});
    let event = call(&format!("e{began}"), "call.ended", &lead, facts);
    let id = world.accept(event, minute(began)).await.deliveries[0];
    let claimed = world.claim_one(webhook, minute(began)).await;
    let after = attempted(&claimed, state, 500, minute(began));
    world.settle(claimed, after, minute(began)).await;
    id
}

async fn delivery(world: &World, id: DeliveryId) -> Delivery {
    world.store.delivery(ACCOUNT, id).await.unwrap().unwrap().delivery
}

fn period(webhook: WebhookId, from: i64, to: i64) -> Wanted {
    Wanted { webhook, from: minute(from), to: minute(to), only: Only::All, url: UrlOf::Then }
}

async fn begin(world: &World, wanted: Wanted) -> ResendId {
    match world.store.begin_resend(ACCOUNT, wanted, minute(ASKED)).await.unwrap() {
        ResendBegun::Begun(resend) => resend.id,
        other => panic!("{other:?}"),
    }
}

/// Steps as long as the next one is worth while at once.
async fn step(world: &World, id: ResendId, now: Timestamp) -> Stepped {
    let mut made = 0;
    loop {
        let stepped = world.store.step_resend(ACCOUNT, id, now).await.unwrap();
        made += stepped.made;
        if stepped.next != NextStep::Now {
            return Stepped { made, ..stepped };
        }
    }
}

async fn resend(world: &World, id: ResendId) -> Resend {
    world.store.resend(ACCOUNT, id).await.unwrap().unwrap()
}

/// What it counts: selected, delivered, failed, skipped.
async fn counts(world: &World, id: ResendId) -> [u64; 4] {
    let counts = resend(world, id).await.counts;
    [counts.selected, counts.delivered, counts.failed, counts.skipped]
}

/// Steps and settles in this state all that is made owed, until it has ended; which deliveries were sent again.
async fn go_through(world: &World, webhook: WebhookId, id: ResendId, end: State) -> Vec<DeliveryId> {
    let now = minute(ASKED);
    let mut sent = Vec::new();
    while step(world, id, now).await.next != NextStep::Never {
        for claimed in world.claim(webhook, 100, now).await.claimed {
            sent.push(claimed.delivery.resend_of.as_ref().unwrap().first);
            let after = attempted(&claimed, end.clone(), 200, now);
            world.settle(claimed, after, now).await;
        }
    }
    sent
}

pub(crate) async fn a_period_is_sent_again_once_each_also_over_a_restart<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    // One of it may be due at a time.
    let webhook = world.webhook(7, json!({"rate": {"concurrent": 2}})).await;
    let mut firsts = Vec::new();
    // Days change among them.
    for began in 1..=20 {
        let state = if began % 2 == 0 { failed() } else { State::Delivered { at: minute(began) } };
        firsts.push(tried(&world, webhook, began, state).await);
    }
    let id = begin(&world, period(webhook, 3, 18)).await;
    drop(world);
    let (mut sent, now) = (Vec::new(), minute(ASKED));
    loop {
        fixture.reopen().await;
        let world = World { store: fixture.store() };
        let running = world.store.running_resends().await.unwrap();
        let stepped = step(&world, id, now).await;
        if stepped.next == NextStep::Never {
            break;
        }
        assert_eq!((running, stepped.made), (vec![(ACCOUNT, webhook, id)], 1));
        assert_eq!(resend(&world, id).await.selected(), 15, "they are counted before the first is sent");
        assert_eq!(step(&world, id, now).await.made, 0, "while one of it is due");
        let claimed = world.claim_one(webhook, now).await;
        sent.push(claimed.delivery.resend_of.as_ref().unwrap().first);
        world.deliver(claimed, now).await;
    }
    assert_eq!(sent, firsts[2..17]);
    let world = World { store: fixture.store() };
    assert_eq!(counts(&world, id).await, [15, 15, 0, 0]);
    assert_eq!(resend(&world, id).await.phase, Phase::Done { at: now });
    assert!(world.store.running_resends().await.unwrap().is_empty());
    let told = world.store.notifications(ACCOUNT, 10, None).await.unwrap().rows.remove(0);
    let counts = resend(&world, id).await.counts;
    assert_eq!(told.news, News::ResendFinished { webhook, resend: id, counts });
    assert!(told.news.detail().contains("15 delivered, 0 failed, 0 skipped"), "{}", told.news.detail());
}

pub(crate) async fn what_a_resend_leaves_alone_is_counted_as_skipped<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let (at, reason) = (minute(1), || "so".to_owned());
    let retrying = State::Retrying { due: minute(ASKED + 60) };
    let skipped = State::Skipped { at, reason: reason() };
    let states =
        [failed(), State::Delivered { at }, State::Cancelled { at, reason: reason() }, skipped, retrying];
    let mut ids = Vec::new();
    for (began, state) in (1..).zip(states) {
        ids.push(tried(&world, webhook, began, state).await);
    }
    // Never attempted: none of those that are sent again.
    let owed = world.accept(call("e9", "call.ended", "c9", json!({})), minute(9)).await.deliveries[0];
    world.store.cancel(ACCOUNT, owed, "by hand".to_owned(), minute(9)).await.unwrap();

    let id = begin(&world, period(webhook, 0, ASKED)).await;
    assert_eq!(go_through(&world, webhook, id, failed()).await, ids[..3]);
    assert_eq!(counts(&world, id).await, [5, 0, 3, 2]);
    assert_eq!(delivery(&world, ids[4]).await.attempts.len(), 1, "it goes on as it did");

    // Neither do those that sent again count among them.
    let id = begin(&world, Wanted { only: Only::Failed, ..period(webhook, 0, ASKED) }).await;
    let sent = go_through(&world, webhook, id, State::Delivered { at: minute(ASKED) }).await;
    assert_eq!((sent, counts(&world, id).await), (vec![ids[0]], [2, 1, 0, 1]));
    assert_eq!(delivery(&world, ids[0]).await.state.name(), StateName::Delivered);
    assert_eq!(world.store.resends(ACCOUNT, 1, None).await.unwrap().rows[0].id, id, "the newest first");
}

pub(crate) async fn a_resend_goes_to_the_url_of_now_where_asked<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    tried(&world, webhook, 1, failed()).await;
    let moved = settings(&json!({"url": "http://moved.example/hook"}));
    world.store.save_webhook(ACCOUNT, webhook, moved, None, minute(2)).await.unwrap();
    for (url, expected) in
        [(UrlOf::Then, None), (UrlOf::Current, Some("http://moved.example/hook".to_owned()))]
    {
        let id = begin(&world, Wanted { url, ..period(webhook, 0, 10) }).await;
        step(&world, id, minute(ASKED)).await;
        let claimed = world.claim_one(webhook, minute(ASKED)).await;
        assert_eq!(claimed.delivery.resend_of.as_ref().unwrap().url, expected);
        world.deliver(claimed, minute(ASKED)).await;
        assert_eq!(step(&world, id, minute(ASKED)).await.next, NextStep::Never);
    }
}

pub(crate) async fn a_resend_takes_up_again_what_failed_before_any_request<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let id = world.accept(call("e1", "call.ended", "c1", json!({})), minute(1)).await.deliveries[0];
    let claimed = world.claim_one(webhook, minute(1)).await;
    let mut withheld = attempted(&claimed, failed(), 500, minute(1));
    withheld.renderings.clear();
    world.settle(claimed, withheld, minute(1)).await;
    let resend = begin(&world, period(webhook, -60, ASKED)).await;
    step(&world, resend, minute(ASKED)).await;
    let claimed = world.claim_one(webhook, minute(ASKED)).await;
    assert_eq!((claimed.delivery.id, &claimed.delivery.resend_of), (id, &None));
    world.deliver(claimed, minute(ASKED)).await;
    assert_eq!(step(&world, resend, minute(ASKED)).await.next, NextStep::Never);
    assert_eq!(counts(&world, resend).await, [1, 1, 0, 0]);
}

pub(crate) async fn a_resend_waits_while_others_of_its_webhook_wait<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({"rate": {"per_second": 2}})).await;
    for began in 1..=3 {
        tried(&world, webhook, began, failed()).await;
    }
    let id = begin(&world, period(webhook, 0, 10)).await;
    world.accept(call("fresh", "call.ended", "fresh", json!({})), minute(ASKED)).await;
    let later = minute(ASKED).plus_ms(1_000);
    let nothing = Stepped { made: 0, next: NextStep::AfterChange };
    assert_eq!(step(&world, id, later).await, nothing, "a fresh one is due for a second");
    let fresh = world.claim_one(webhook, later).await;
    assert_eq!(step(&world, id, later).await.made, 1, "it is on its way");
    assert_eq!(step(&world, id, later).await, nothing, "half of the rate is used");
    world.retry(world.claim_one(webhook, later).await, minute(ASKED + 600), later).await;
    assert_eq!(step(&world, id, later).await.made, 1, "what is tried again later does not hold up the rest");
    world.deliver(fresh, later).await;
    assert_eq!((counts(&world, id).await, resend(&world, id).await.counts.open()), ([2, 0, 0, 0], 2));
}

pub(crate) async fn while_its_webhook_is_off_a_resend_waits_and_loses_nothing<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    for began in 1..=3 {
        tried(&world, webhook, began, failed()).await;
    }
    let (id, now) = (begin(&world, period(webhook, 0, 3)).await, minute(ASKED));
    assert_eq!(step(&world, id, now).await.made, 2);
    let under_way = world.claim(webhook, 1, now).await.claimed.remove(0);
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    assert_eq!(resend(&world, id).await.state(false), ResendState::Paused);
    world.retry(under_way, minute(ASKED + 1), now).await;
    let much_later = minute(ASKED + 600);
    assert_eq!(step(&world, id, much_later).await, Stepped { made: 0, next: NextStep::AfterChange });
    let claims = world.claim(webhook, 10, much_later).await;
    assert!(claims.claimed.is_empty() && claims.next_due.is_none(), "{claims:?}");
    assert!(world.store.schedule().await.unwrap().is_empty());
    drop(world);
    fixture.reopen().await;
    let world = World { store: fixture.store() };
    world.store.switch_webhook(ACCOUNT, webhook, Switch::On).await.unwrap();
    for claimed in world.claim(webhook, 10, much_later).await.claimed {
        world.deliver(claimed, much_later).await;
    }
    assert_eq!(step(&world, id, much_later).await.next, NextStep::Never);
    assert_eq!(counts(&world, id).await, [2, 2, 0, 0]);
}

pub(crate) async fn a_cancelled_resend_sends_nothing_more<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({"rate": {"concurrent": 4}})).await;
    for began in 1..=9 {
        tried(&world, webhook, began, failed()).await;
    }
    let (id, now) = (begin(&world, period(webhook, 0, 10)).await, minute(ASKED));
    assert_eq!(step(&world, id, now).await.made, 2);
    let under_way = world.claim(webhook, 1, now).await.claimed.remove(0);
    let cancelled = world.store.cancel_resend(ACCOUNT, id, now).await.unwrap().unwrap();
    assert_eq!((cancelled.phase, cancelled.counts.open()), (Phase::Cancelled { at: now }, 1));
    assert_eq!(step(&world, id, now).await, Stepped { made: 0, next: NextStep::Never });
    assert!(world.claim(webhook, 10, now).await.claimed.is_empty());
    world.deliver(under_way, now).await;
    assert_eq!(counts(&world, id).await, [2, 1, 0, 1], "what was being sent is counted");
    let again = world.store.cancel_resend(ACCOUNT, id, minute(ASKED + 1)).await.unwrap().unwrap();
    assert_eq!(again.phase, cancelled.phase);
    let unknown = ResendId(leadhook_core::time::Serial(5));
    assert!(world.store.cancel_resend(ACCOUNT, unknown, now).await.unwrap().is_none());
    begin(&world, period(webhook, 0, 10)).await;
}

pub(crate) async fn a_resend_ends_with_its_webhook<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    tried(&world, webhook, 1, failed()).await;
    let (id, now) = (begin(&world, period(webhook, 0, 10)).await, minute(ASKED));
    step(&world, id, now).await;
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap();
    let claimed = world.claim_one(webhook, now).await;
    world.end(claimed, State::Cancelled { at: now, reason: "the webhook was deleted".to_owned() }, now).await;
    assert_eq!(step(&world, id, now).await.next, NextStep::Never);
    assert_eq!(resend(&world, id).await.phase, Phase::Cancelled { at: now });
    assert_eq!(counts(&world, id).await, [1, 0, 0, 1]);
    assert!(world.store.running_resends().await.unwrap().is_empty());
}

pub(crate) async fn of_each_account_the_newest_resends_are_kept_and_those_that_go_on<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let (first, second) = (world.webhook(7, json!({})).await, world.webhook(8, json!({})).await);
    let goes_on = begin(&world, period(first, 0, 1)).await;
    for _ in 0..RESENDS_KEPT_MAX {
        let id = begin(&world, period(second, 0, 1)).await;
        world.store.cancel_resend(ACCOUNT, id, minute(ASKED)).await.unwrap();
    }
    let (mut kept, mut before) = (Vec::new(), None);
    loop {
        let page = world.store.resends(ACCOUNT, 300, before).await.unwrap();
        kept.extend(page.rows.into_iter().map(|resend| resend.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!((kept.len(), kept.last()), (RESENDS_KEPT_MAX, Some(&goes_on)));
    assert!(world.store.resends(AccountId(2), 10, None).await.unwrap().rows.is_empty(), "another account's");
}

pub(crate) async fn resends_are_refused_with_the_reason<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let ask = async |wanted: Wanted| world.store.begin_resend(ACCOUNT, wanted, minute(ASKED)).await.unwrap();
    assert_eq!(ask(period(WebhookId(8), 0, 1)).await, ResendBegun::UnknownWebhook);
    let ResendBegun::Refused(faults) = ask(period(webhook, 1, ASKED + 1)).await else {
        panic!("it is taken")
    };
    assert_eq!(faults.0[0].code, "in_the_future");
    let id = begin(&world, period(webhook, 0, 1)).await;
    assert_eq!(ask(period(webhook, 0, 2)).await, ResendBegun::AlreadyRunning(id));
    world.store.cancel_resend(ACCOUNT, id, minute(ASKED)).await.unwrap();
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Off(None)).await.unwrap();
    assert_eq!(ask(period(webhook, 0, 1)).await, ResendBegun::WebhookOff);
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap();
    assert_eq!(ask(period(webhook, 0, 1)).await, ResendBegun::UnknownWebhook);
    let query = DeliveryQuery { limit: 10, ..Default::default() };
    assert!(world.deliveries(query).await.rows.is_empty());
}
