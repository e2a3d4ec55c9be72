//! Upkeep of a data folder: backups, restoring them, and verifying.

mod backup;
mod copied;
mod verify;

use leadhook_core::{delivery::State, webhook::Switch};
use serde_json::json;

use crate::{
    InFolder,
    conformance::{
        Fixture as _,
        plugins::upload,
        world::{ACCOUNT, START, World, call, ended, event_based, minute},
    },
};

/// A store with something in most of its tables; one call of webhook 7 is owed, and a change of its tags behind it.
async fn filled() -> (InFolder, World) {
    let fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    let store = &world.store;
    store.put_plugin(ACCOUNT, upload("crm", vec![7; 3 << 20], START)).await.unwrap();
    store.put_secret(ACCOUNT, "crm", "hunter2".to_owned(), START).await.unwrap();
    let done = world.webhook(6, json!({})).await;
    for number in 0..50 {
        world.accept(ended(number), START).await;
    }
    let mut claimed = world.claim(done, 50, START).await.claimed;
    for (state, one) in
        [State::Failed { at: START, reason: "no".to_owned() }, State::Retrying { due: minute(5) }]
            .into_iter()
            .zip(claimed.drain(..2).collect::<Vec<_>>())
    {
        world.end(one, state, START).await;
    }
    for one in claimed {
        world.deliver(one, START).await;
    }
    store.switch_webhook(ACCOUNT, done, Switch::Off(None)).await.unwrap().unwrap();
    world.webhook(7, event_based(&["call_ended", "lead_tags_changed"])).await;
    world.accept(ended(60), minute(1)).await;
    world.accept(call("t60", "lead.tags_changed", "c60", json!({"tags_manual": ["a"]})), minute(2)).await;
    (fixture, world)
}
