//! Accounts and their keys, the trail of who changed what, and how much is stored.

use std::sync::Arc;

use leadhook_core::{
    account::{
        AccountState, Change, Wanted,
        key::{Key, KeyId, Scope},
    },
    audit::{Author, Entry},
    id::{AccountId, SiteId, WebhookId},
    site::Site,
    time::Timestamp,
    webhook::Switch,
};
use leadhook_store::{
    Account, AccountChanged, AccountMade, AccountSecrets, Acting, KeyMade, KnownAccount, Saved, Store,
    as_asked_by,
};
use serde_json::{Value, json};

use super::{
    Fixture,
    world::{ACCOUNT, SITE, START, World, call, minute, settings},
};

const SECRETS: AccountSecrets = AccountSecrets { client_id_key: [3; 32], recording_key: [4; 32] };

/// The account `default`, as a start makes it.
async fn default_account(store: &Arc<dyn Store>) {
    let name = "default".to_owned();
    let account = Account { id: ACCOUNT, name, client_id_key: [1; 32], recording_key: [2; 32] };
    store.put_account(account).await.unwrap();
}

async fn made(store: &Arc<dyn Store>, wanted: Value) -> Arc<KnownAccount> {
    let wanted = Wanted::parse(&wanted).unwrap();
    match store.make_account(wanted, SECRETS, START).await.unwrap() {
        AccountMade::Made(known) => known,
        other => panic!("{other:?}"),
    }
}

fn key(id: u64, account: AccountId) -> Key {
    let name = format!("key {id}");
    Key { id: KeyId(id), account, name, scopes: vec![Scope::Read], made_at: Some(START), expires_at: None }
}

fn acting(name: &str) -> Arc<Acting> {
    Arc::new(Acting { author: Author::Key { id: KeyId(7), name: name.to_owned() }, at: START })
}

async fn trail(store: &Arc<dyn Store>, account: AccountId) -> Vec<Entry> {
    store.audit(account, 100, None).await.unwrap().rows
}

/// What was done to what, the newest first.
async fn deeds(store: &Arc<dyn Store>, account: AccountId) -> Vec<(String, String)> {
    let entries = trail(store, account).await.into_iter();
    entries.map(|entry| (entry.deed.action, entry.deed.object)).collect()
}

pub(crate) async fn accounts_are_made_under_numbers_and_names_of_their_own<F: Fixture>() {
    let mut fixture = F::make().await;
    let store = fixture.store();
    default_account(&store).await;
    let agency = made(&store, json!({"name": "Agency", "quotas": {"webhooks": 3}})).await;
    let shop = made(&store, json!({"name": "Shop"})).await;
    assert_eq!((agency.id, shop.id), (AccountId(2), AccountId(3)));
    assert_eq!(store.account(shop.id).await.unwrap().unwrap().client_id_key, SECRETS.client_id_key);
    let again = Wanted::parse(&json!({"name": "Agency"})).unwrap();
    let again = store.make_account(again, SECRETS, START).await.unwrap();
    assert_eq!(again, AccountMade::NameTaken(agency.id));

    let change = |value: Value| Change::parse(&value).unwrap();
    let taken = store.change_account(shop.id, change(json!({"name": "default"}))).await.unwrap();
    assert_eq!(taken, AccountChanged::NameTaken(ACCOUNT));
    let missing = store.change_account(AccountId(9), change(json!({}))).await.unwrap();
    assert_eq!(missing, AccountChanged::Unknown);
    let closed = change(json!({"name": "Shop 2", "state": "closed", "quotas": {"weight": 5}}));
    let closed = store.change_account(shop.id, closed).await.unwrap();
    drop(store);

    fixture.reopen().await;
    let store = fixture.store();
    let known = store.known_account(shop.id).await.unwrap().unwrap();
    assert_eq!(AccountChanged::Changed(known.clone()), closed);
    assert_eq!((known.terms.state, known.terms.quotas.weight), (AccountState::Closed, 5));
    assert_eq!(store.account(shop.id).await.unwrap().unwrap().name, "Shop 2");
    assert_eq!(store.known_account(agency.id).await.unwrap(), Some(agency.clone()));
    let page = store.known_accounts(2, None).await.unwrap();
    assert_eq!(page.iter().map(|known| known.id).collect::<Vec<_>>(), [ACCOUNT, agency.id]);
    assert_eq!(store.known_accounts(2, Some(agency.id)).await.unwrap(), [known]);
}

pub(crate) async fn a_key_speaks_for_its_account_until_it_is_deleted<F: Fixture>() {
    let mut fixture = F::make().await;
    let store = fixture.store();
    default_account(&store).await;
    store.put_key([9; 32], ACCOUNT).await.unwrap();
    for id in [5, 6] {
        assert_eq!(
            store.make_key(key(id, ACCOUNT), [u8::try_from(id).unwrap(); 32]).await.unwrap(),
            KeyMade::Made
        );
    }
    let elsewhere = store.make_key(key(8, AccountId(9)), [8; 32]).await.unwrap();
    assert_eq!(elsewhere, KeyMade::UnknownAccount);
    let first = store.first_key([9; 32]).await.unwrap().expect("the first key");
    assert_eq!((first.key.account, first.key.scopes.len()), (ACCOUNT, 3));
    assert!(store.first_key([5; 32]).await.unwrap().is_none(), "a key with an id is found by that alone");
    let used = store.key(KeyId(5)).await.unwrap().unwrap();
    assert!(used.is_opened_by(&[5; 32]) && !used.is_opened_by(&[6; 32]));
    used.note_use(minute(1));
    used.note_use(minute(1).plus_ms(59_999));
    assert_eq!(used.last_use(), Some(minute(1)), "to the minute");
    store.store_key_uses().await.unwrap();
    assert!(store.delete_key(KeyId(6)).await.unwrap());
    assert!(!store.delete_key(KeyId(6)).await.unwrap());
    assert!(store.key(KeyId(6)).await.unwrap().is_none());
    drop((store, used));

    fixture.reopen().await;
    let store = fixture.store();
    let keys = store.keys(ACCOUNT).await.unwrap();
    assert_eq!(keys.iter().map(|known| known.key.id).collect::<Vec<_>>(), [KeyId(5), first.key.id]);
    assert_eq!((&keys[0].key, keys[0].last_use()), (&key(5, ACCOUNT), Some(minute(1))));
    assert!(store.delete_key(first.key.id).await.unwrap());
    assert!(store.first_key([9; 32]).await.unwrap().is_none());
    assert_eq!(store.account_of_key([9; 32]).await.unwrap(), None);
}

pub(crate) async fn of_each_account_only_so_many_keys_are_made<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    default_account(&store).await;
    for id in 0..leadhook_core::account::key::KEYS_MAX as u64 {
        assert_eq!(store.make_key(key(id, ACCOUNT), [0; 32]).await.unwrap(), KeyMade::Made);
    }
    assert_eq!(store.make_key(key(1_000, ACCOUNT), [0; 32]).await.unwrap(), KeyMade::TooMany);
}

pub(crate) async fn what_somebody_changes_is_in_the_trail_of_the_account<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let store = &world.store;
    assert!(trail(store, ACCOUNT).await.is_empty(), "what nobody asked for is not in it");
    let id = WebhookId(7);
    let work = async {
        let site = Site::parse(SiteId::new(SITE).unwrap(), 0, &json!({"name": "Shop 2"})).unwrap();
        store.put_site(ACCOUNT, site, START).await.unwrap();
        store.create_webhook(ACCOUNT, id, settings(&json!({"name": "a"})), START).await.unwrap();
        let second = settings(&json!({"timeout_seconds": 7}));
        store.save_webhook(ACCOUNT, id, second.clone(), Some(1), START).await.unwrap();
        let moved = store.save_webhook(ACCOUNT, id, second, Some(1), START).await.unwrap();
        assert!(matches!(moved, Saved::Moved(2)), "{moved:?}");
        store.switch_webhook(ACCOUNT, id, Switch::On).await.unwrap();
        store.put_secret(ACCOUNT, "crm", "hunter2".to_owned(), START).await.unwrap();
        assert!(!store.delete_secret(ACCOUNT, "other").await.unwrap());
    };
    as_asked_by(acting("ci"), work).await;
    store.switch_webhook(ACCOUNT, id, Switch::Off(None)).await.unwrap();

    let entries = trail(store, ACCOUNT).await;
    let told: Vec<_> = entries.iter().map(|entry| entry.deed.action.as_str()).collect();
    let newest_first = ["secret.set", "webhook.switched", "webhook.saved", "webhook.made", "site.saved"];
    assert_eq!(told, newest_first, "a save that was refused changed nothing");
    assert!(!format!("{entries:?}").contains("hunter2"));
    let turned = |place: usize| (entries[place].deed.before.as_deref(), entries[place].deed.after.as_deref());
    assert_eq!(turned(1), (Some("off"), Some("on")));
    assert_eq!(turned(2), (Some("1"), Some("2")));
    assert_eq!(entries[2].deed.fields, ["timeout_seconds", "name"]);
    assert_eq!((entries[2].author.clone(), entries[2].at), (acting("ci").author.clone(), START));
    assert_eq!(entries[4].deed.fields, ["name"]);

    let page = store.audit(ACCOUNT, 2, None).await.unwrap();
    let rest = store.audit(ACCOUNT, 10, page.next).await.unwrap();
    assert_eq!([page.rows, rest.rows].concat(), entries);
    assert!(trail(store, AccountId(2)).await.is_empty());
    drop(world);
    fixture.reopen().await;
    assert_eq!(trail(&fixture.store(), ACCOUNT).await, entries);
}

pub(crate) async fn what_the_operator_changes_is_in_both_trails<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    default_account(&store).await;
    let operator = Arc::new(Acting { author: Author::Operator, at: START });
    let work = async {
        let agency = made(&store, json!({"name": "Agency"})).await;
        store.make_key(key(5, agency.id), [5; 32]).await.unwrap();
        let change = Change::parse(&json!({"state": "suspended"})).unwrap();
        store.change_account(agency.id, change.clone()).await.unwrap();
        store.change_account(agency.id, change).await.unwrap();
        store.delete_key(KeyId(5)).await.unwrap();
        agency.id
    };
    let agency = as_asked_by(operator, work).await;
    let expected = ["key.deleted", "account.changed", "key.made", "account.made"];
    for account in [agency, AccountId::ENGINE] {
        let deeds = deeds(&store, account).await;
        assert_eq!(deeds.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(), expected);
    }
    assert!(trail(&store, AccountId::ENGINE).await.iter().all(|entry| entry.account == agency));
}

pub(crate) async fn a_task_acts_in_the_name_of_who_began_it<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let store = world.store.clone();
    let work = async {
        let store = store.clone();
        let set = async move { store.put_secret(ACCOUNT, "a", "b".to_owned(), START).await };
        tokio::spawn(leadhook_store::carried(set)).await.unwrap().unwrap();
    };
    as_asked_by(acting("ci"), work).await;
    assert_eq!(deeds(&world.store, ACCOUNT).await, [("secret.set".to_owned(), "a".to_owned())]);
}

pub(crate) async fn what_is_stored_is_counted_by_account<F: Fixture>() {
    let mut fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let webhook = world.webhook(7, json!({})).await;
    let count = async |store: &Arc<dyn Store>| store.stored_bytes(ACCOUNT).await.unwrap();
    assert_eq!(count(&world.store).await, 0);
    let event = call("e1", "call.ended", "c1", json!({"callerphone": "79001112233", "duration": 40}));
    world.accept(event.clone(), START).await;
    let accepted = count(&world.store).await;
    assert!((100..4_000).contains(&accepted), "{accepted}");
    world.accept(event, START).await;
    assert_eq!(count(&world.store).await, accepted, "a repeat stores nothing");
    let claimed = world.claim_one(webhook, minute(5)).await;
    world.deliver(claimed, Timestamp(minute(5).0)).await;
    let delivered = count(&world.store).await;
    assert!(delivered > accepted + 100, "{delivered}");
    assert_eq!(world.store.stored_bytes(AccountId(2)).await.unwrap(), 0);
    drop(world);
    fixture.reopen().await;
    assert_eq!(count(&fixture.store()).await, delivered);
}
