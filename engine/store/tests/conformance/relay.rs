//! Relayed webhooks, and the tokens by which they come in.

use leadhook_core::{
    id::{AccountId, SiteId},
    relay::{Relayed, form::Form},
    site::Site,
};
use leadhook_store::{Receipt, Relay};
use serde_json::json;

use super::{
    Fixture,
    world::{ACCOUNT, SITE, START, World, event_based, minute},
};

const ENDED: &str = "leadtype=call&callphase=calldisconnected&id=c1&duration=63";

fn webhook(text: &str) -> Relayed {
    let site = Site::new(SiteId::new(SITE).unwrap());
    Relayed::read(Form::parse(&[text.as_bytes()]).unwrap(), &site, START).unwrap().unwrap()
}

/// Takes a webhook in; how many deliveries each of its events owes.
async fn owed(world: &World, text: &str) -> Vec<usize> {
    let answers = world.store.relay(ACCOUNT, webhook(text), START).await.unwrap();
    let owed = |answer: Result<Receipt, _>| answer.unwrap().deliveries.len();
    answers.into_iter().map(owed).collect()
}

pub(crate) async fn a_relayed_webhook_is_what_its_lead_makes_of_it<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, event_based(&["call_started", "call_ended", "lead_manager_changed"])).await;
    assert_eq!(owed(&world, "leadtype=call&callphase=callconnected&id=c1").await, [1]);
    assert_eq!(owed(&world, ENDED).await, [1]);
    assert_eq!(owed(&world, ENDED).await, [0], "a repeat triggers nothing");
    assert_eq!(owed(&world, &format!("{ENDED}&manager=Olga")).await, [0, 1]);
}

pub(crate) async fn of_the_same_webhook_at_the_same_time_one_is_the_first<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    world.webhook(7, json!({})).await;
    let taking: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { owed(&world, ENDED).await })
        })
        .collect();
    let mut sum = 0;
    for taken in taking {
        sum += taken.await.unwrap().iter().sum::<usize>();
    }
    assert_eq!(sum, 1);
}

pub(crate) async fn a_relay_is_found_by_its_token_until_it_is_deleted<F: Fixture>() {
    let mut fixture = F::make().await;
    World::new(fixture.store()).await;
    let site = SiteId::new(SITE).unwrap();
    let relay = |number: u8| Relay {
        account: ACCOUNT,
        site: site.clone(),
        digest: [number; 32],
        made_at: minute(number.into()),
    };
    let store = fixture.store();
    for number in [1, 2, 3] {
        assert!(store.put_relay(relay(number)).await.unwrap());
    }
    let elsewhere = Relay { site: SiteId::new("70001").unwrap(), ..relay(4) };
    assert!(!store.put_relay(elsewhere).await.unwrap(), "there is no such site");
    assert!(!store.delete_relay(AccountId(2), [2; 32]).await.unwrap(), "it is another account's");
    assert!(store.delete_relay(ACCOUNT, [2; 32]).await.unwrap());
    assert!(!store.delete_relay(ACCOUNT, [2; 32]).await.unwrap());
    drop(store);

    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.relays(ACCOUNT, &site).await.unwrap(), [relay(3), relay(1)]);
    assert_eq!(store.relay_of_token([1; 32]).await.unwrap(), Some(relay(1)));
    assert_eq!(store.relay_of_token([2; 32]).await.unwrap(), None);
    assert!(store.delete_site(ACCOUNT, &site).await.unwrap());
    assert_eq!(store.relay_of_token([1; 32]).await.unwrap(), None, "it went with its site");
    assert!(store.relays(ACCOUNT, &site).await.unwrap().is_empty());
}
