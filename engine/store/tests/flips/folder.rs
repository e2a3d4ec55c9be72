//! A folder with something in every table.

use std::sync::Arc;

use leadhook_core::{
    account::{
        Wanted as AccountWanted,
        key::{Key, KeyId, Scope},
    },
    address::AddressPolicy,
    audit::Author,
    delivery::State,
    erasure::Subject,
    id::{SiteId, WebhookId},
    notification::News,
    operations::OperationsWebhook,
    plugin::{Change, Stored},
    resend::{Only, UrlOf, Wanted},
    settings::Known,
    webhook::Switch,
};
use leadhook_store::{
    Account, AccountSecrets, Acting, ErasureBegun, NextErasureStep, Relay, ResendBegun, as_asked_by,
};
use serde_json::json;

use crate::{
    InFolder,
    conformance::{
        Fixture as _,
        plugins::upload,
        state::{change, deliver},
        world::{ACCOUNT, SITE, START, World, call, ended, event_based, minute},
    },
};

/// The webhook that owes something.
pub(super) const OWING: WebhookId = WebhookId(7);
/// The webhook whose period is sent again.
pub(super) const RESENT: WebhookId = WebhookId(6);
/// The digest of the key that came with the folder.
pub(super) const FIRST_KEY: [u8; 32] = [9; 32];
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Makes it; the store in it is closed.
pub(super) async fn filled() -> tempfile::TempDir {
    let fixture = InFolder::make().await;
    let world = World::new(fixture.store()).await;
    let acting = Acting { author: Author::Key { id: KeyId(7), name: "ours".to_owned() }, at: START };
    as_asked_by(Arc::new(acting), settings(&world)).await;
    delivered_and_erased(&world).await;
    owed(&world).await;
    kept_by_plugins(&world).await;
    world.store.store_key_uses().await.unwrap();
    world.store.close().await;
    fixture.dir
}

async fn settings(world: &World) {
    let store = &world.store;
    let name = "default".to_owned();
    let account = Account { id: ACCOUNT, name, client_id_key: [1; 32], recording_key: [2; 32] };
    store.put_account(account).await.unwrap();
    let wanted = AccountWanted::parse(&json!({"name": "other"})).unwrap();
    let secrets = AccountSecrets { client_id_key: [3; 32], recording_key: [4; 32] };
    store.make_account(wanted, secrets, START).await.unwrap();
    let scopes = vec![Scope::Read];
    let key = Key {
        id: KeyId(70),
        account: ACCOUNT,
        name: "k".to_owned(),
        scopes,
        made_at: None,
        expires_at: None,
    };
    store.make_key(key, [8; 32]).await.unwrap();
    store.put_key(FIRST_KEY, ACCOUNT).await.unwrap();
    for known in [store.key(KeyId(70)).await.unwrap(), store.first_key(FIRST_KEY).await.unwrap()] {
        known.unwrap().note_use(START);
    }
    world.site(SITE, json!({"name": "Shop & Co"})).await;
    let relay = Relay { account: ACCOUNT, site: SiteId::new(SITE).unwrap(), digest: [5; 32], made_at: START };
    assert!(store.put_relay(relay).await.unwrap());
    store.put_plugin(ACCOUNT, upload("crm", b"a plugin".repeat(30), START)).await.unwrap();
    store.put_secret(ACCOUNT, "crm", "hunter2".to_owned(), START).await.unwrap();
    store.rotate_recording_key(ACCOUNT, [6; 32], START).await.unwrap();
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    let operations = json!({"url": "https://ops.example/in", "secret": SECRET});
    let operations = OperationsWebhook::parse(&operations, &known).unwrap();
    store.put_operations_webhook(ACCOUNT, operations, START).await.unwrap();
    world.webhook(RESENT.0, json!({})).await;
    world.webhook(OWING.0, event_based(&["call_ended", "lead_tags_changed"])).await;
    store.notify(ACCOUNT, News::HandlerFailing { webhook: RESENT }, START).await.unwrap();
}

/// Deliveries that ended, one of a client that is erased, and a resend of them that goes on; an erasure that goes on.
async fn delivered_and_erased(world: &World) {
    let store = &world.store;
    for number in 1..=4 {
        world.accept(ended(number), START).await;
    }
    for webhook in [RESENT, OWING] {
        for one in world.claim(webhook, 10, START).await.claimed {
            world.deliver(one, START).await;
        }
    }
    for phone in ["79000000001", "79000000009"] {
        let subject = Subject::parse(&json!({"phone": phone})).unwrap();
        let begun = store.begin_erasure(ACCOUNT, subject, minute(1)).await.unwrap();
        let ErasureBegun::Begun(erasure) = begun else { panic!("{begun:?}") };
        while phone.ends_with('1')
            && store.step_erasure(ACCOUNT, erasure.id, minute(1)).await.unwrap().next
                != NextErasureStep::Never
        {}
    }
    let wanted =
        Wanted { webhook: RESENT, from: minute(-60), to: minute(2), only: Only::All, url: UrlOf::Then };
    let begun = store.begin_resend(ACCOUNT, wanted, minute(2)).await.unwrap();
    let ResendBegun::Begun(resend) = begun else { panic!("{begun:?}") };
    for _ in 0..3 {
        store.step_resend(ACCOUNT, resend.id, minute(2)).await.unwrap();
    }
}

/// Deliveries that are owed: due, waiting for another of their lane, and waiting for another attempt.
async fn owed(world: &World) {
    for number in 20..=23 {
        world.accept(ended(number), minute(3)).await;
        let tags = json!({"tags_manual": [format!("a{number}")]});
        world
            .accept(call(&format!("t{number}"), "lead.tags_changed", &format!("c{number}"), tags), minute(3))
            .await;
    }
    let claimed = world.claim(OWING, 1, minute(3)).await.claimed.remove(0);
    world.retry(claimed, minute(9), minute(3)).await;
}

async fn kept_by_plugins(world: &World) {
    let webhook = world.webhook(8, json!({})).await;
    world.accept(ended(30), minute(4)).await;
    world.accept(ended(31), minute(4)).await;
    let set = |key: &str, minutes: i64| {
        let expires_at_ms = Some(minute(minutes).0.unsigned_abs());
        change(key, Change::Set(Stored { value: b"1".to_vec(), expires_at_ms }))
    };
    let left = (0..1_003).map(|key| set(&format!("k{key}"), 600)).collect();
    let claimed = world.claim(webhook, 1, minute(4)).await.claimed.remove(0);
    deliver(world, claimed, left, minute(4)).await;
    let claimed = world.claim(webhook, 1, minute(4)).await.claimed.remove(0);
    world.end(claimed, State::Skipped { at: minute(4), reason: "no".to_owned() }, minute(4)).await;
    let claimed = world.claim(RESENT, 1, minute(4)).await.claimed.remove(0);
    deliver(world, claimed, vec![set("seen", 700), set("count", 800)], minute(4)).await;
    // What it leaves goes with later changes, of which there are none.
    world.store.switch_webhook(ACCOUNT, webhook, Switch::Deleted).await.unwrap();
}
