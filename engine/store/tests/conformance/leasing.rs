//! Claims and settlements: each delivery has one holder at a time (the contract, "Sending", At least once).

use std::collections::BTreeSet;

use leadhook_core::{delivery::State, webhook::Switch};
use leadhook_store::{Settled, Want};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, START, World, attempted, call, ended, event_based, minute},
};

pub(crate) async fn a_delivery_is_leased_to_one_holder_at_a_time<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let claimed = world.claim_one(webhook, START).await;
    let again = world.claim(webhook, 10, START).await;
    assert!(again.claimed.is_empty());
    assert_eq!(again.next_due, None, "nobody else is to come for what is held");
    assert_eq!(world.deliver(claimed, START).await, None);
    assert!(world.claim(webhook, 10, minute(9)).await.claimed.is_empty());
}

pub(crate) async fn concurrent_claims_never_share_a_delivery<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.try_accept((0..100).map(ended).collect(), START).await;
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claims = world.claim(webhook, 3, START).await;
                    if claims.claimed.is_empty() {
                        return mine;
                    }
                    for claimed in claims.claimed {
                        mine.push(claimed.delivery.id);
                        world.deliver(claimed, START).await;
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 100);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 100);
}

pub(crate) async fn a_lease_that_ran_out_can_be_taken_and_its_old_holder_is_stale<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let slow = world.claim_one(webhook, START).await;
    let quick = world.claim_one(webhook, minute(2)).await;
    assert!(quick.lease.token > slow.lease.token);
    let late = attempted(&slow, State::Failed { at: minute(3), reason: "late".to_owned() }, 500, minute(3));
    assert_eq!(world.settle(slow, late, minute(3)).await, Settled::Stale);
    let id = quick.delivery.id;
    world.deliver(quick, minute(3)).await;
    let shown = fixture.store().delivery(ACCOUNT, id).await.unwrap().unwrap();
    assert_eq!(shown.delivery.state, State::Delivered { at: minute(3) });
}

pub(crate) async fn a_lease_that_ran_out_and_nobody_took_still_settles<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let slow = world.claim_one(webhook, START).await;
    world.deliver(slow, minute(5)).await;
    assert!(world.claim(webhook, 10, minute(6)).await.claimed.is_empty());
}

pub(crate) async fn a_settled_or_released_lease_is_stale<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let given_back = world.claim_one(webhook, START).await;
    fixture.store().release(vec![given_back.lease]).await.unwrap();
    let claimed = world.claim_one(webhook, START).await;
    let sent = |claimed| attempted(claimed, State::Delivered { at: START }, 200, START);
    assert_eq!(world.settle(given_back.clone(), sent(&given_back), START).await, Settled::Stale);
    world.deliver(claimed.clone(), START).await;
    let again = attempted(&claimed, State::Retrying { due: START }, 500, START);
    assert_eq!(world.settle(claimed, again, START).await, Settled::Stale);
    assert!(world.claim(webhook, 10, minute(9)).await.claimed.is_empty());
}

pub(crate) async fn a_retry_waits_for_its_time_and_keeps_its_attempts<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let first = world.claim_one(webhook, START).await;
    world.retry(first.clone(), minute(5), START).await;
    assert!(world.claim(webhook, 10, minute(4)).await.claimed.is_empty());
    let second = world.claim_one(webhook, minute(5)).await;
    assert_eq!(second.delivery, attempted(&first, State::Retrying { due: minute(5) }, 500, START));
    // The lead may have changed since; what was rendered once is taken from the same version again.
    world.accept(call("e2", "lead.updated", "c1", json!({"orderId": "9"})), minute(6)).await;
    fixture.store().release(vec![second.lease]).await.unwrap();
    assert_eq!(world.claim_one(webhook, minute(7)).await.lead.version, 1);
}

pub(crate) async fn a_claim_tells_when_the_next_is_due<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    world.accept(ended(2), minute(1)).await;
    world.accept(ended(3), minute(2)).await;
    let claims = world.claim(webhook, 1, minute(3)).await;
    assert_eq!((claims.claimed.len(), claims.next_due), (1, Some(minute(1))));
    let claims = world.claim(webhook, 5, minute(3)).await;
    assert_eq!((claims.claimed.len(), claims.next_due), (2, None));
    let [second, third] = <[_; 2]>::try_from(claims.claimed).unwrap();
    world.retry(second, minute(30), minute(3)).await;
    assert_eq!(world.deliver(third, minute(3)).await, Some(minute(30)));
}

pub(crate) async fn what_is_due_longest_goes_first<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let other = world.webhook(8, json!({})).await;
    for number in 1..=4 {
        world.accept(ended(number), minute(i64::from(number))).await;
    }
    let wants = [webhook, other].map(|webhook| Want { account: ACCOUNT, webhook, most: 3 });
    let claims = fixture.store().claim(wants.to_vec(), minute(9), minute(10)).await.unwrap();
    for (claims, webhook) in claims.iter().zip([webhook, other]) {
        assert_eq!(claims.webhook, webhook);
        let leads: Vec<_> = claims.claimed.iter().map(|one| one.lead.reference.id.as_str()).collect();
        assert_eq!(leads, ["c1", "c2", "c3"]);
    }
    let due = fixture.store().schedule().await.unwrap();
    assert_eq!(due, [(ACCOUNT, webhook, minute(1)), (ACCOUNT, other, minute(1))]);
}

pub(crate) async fn rule_2_the_lead_is_taken_as_the_event_left_it_or_as_it_stands<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let simplified = world.webhook(7, json!({})).await;
    let event_based = world.webhook(8, event_based(&["call_ended"])).await;
    world.accept(ended(1), START).await;
    world.accept(call("e2", "lead.tags_changed", "c1", json!({"tags_manual": ["a"]})), minute(1)).await;
    assert_eq!(world.claim_one(simplified, minute(2)).await.lead.version, 2);
    assert_eq!(world.claim_one(event_based, minute(2)).await.lead.version, 1);
}

pub(crate) async fn what_a_deleted_site_or_webhook_owes_can_still_be_claimed<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    world.accept(ended(1), START).await;
    let site = world.store.sites(ACCOUNT).await.unwrap().remove(0);
    assert!(world.store.delete_site(ACCOUNT, &site.id).await.unwrap());
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap().unwrap();
    assert!(world.try_accept(vec![ended(2)], START).await[0].is_err());
    drop(world);
    fixture.reopen().await;
    let claimed = World { store: fixture.store() }.claim_one(webhook, START).await;
    assert_eq!((claimed.webhook.switch.clone(), claimed.site), (Switch::Deleted, site));
}
