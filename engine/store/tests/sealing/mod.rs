//! Secrets are sealed: none stands in the file, a wrong key changes nothing, keys change over, and nothing can be moved.

use std::{fs, path::Path, sync::Arc};

use leadhook_core::{
    id::WebhookId,
    operations::OperationsWebhook,
    webhook::{Settings, Switch},
};
use leadhook_store::{
    Account, Accounts as _, OperationsWebhooks as _, RecordingKeys as _, Store, StoreError, Upkeep as _,
    redb::{FILE_NAME, MasterKey, MasterKeys, Options, RedbStore, Sealing, is_sealed, restore, verify},
};
use redb::{Database, ReadableTable as _, TableDefinition};
use serde_json::json;
use tempfile::TempDir;

use crate::conformance::world::{ACCOUNT, START, World, minute};

const WEBHOOK: WebhookId = WebhookId(7);
const SECRET: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("secret");
/// What plugins are granted; it begins as no other text does.
const GRANTED: &str = "granted-hunter2-0123456789";
const SIGNING: &str = "whsec_c2lnbnMtb3V0Z29pbmctcmVxdWVzdHMtMTIz";
const OPERATIONS_SIGNING: &str = "whsec_c2lnbnMtbm90aWZpY2F0aW9ucy0xMjM0NTY3";
const CLIENT_ID_KEY: [u8; 32] = *b"the key of the hash of a client.";
const FIRST_KEY: [u8; 32] = *b"what signs links to recordings..";
const SECOND_KEY: [u8; 32] = *b"what signs links after the first";

fn keys(current: u8, old: Option<u8>) -> MasterKeys {
    MasterKeys { current: MasterKey::new([current; 32]), old: old.map(|old| MasterKey::new([old; 32])) }
}

fn opened(dir: &TempDir, keys: MasterKeys) -> Result<(RedbStore, Sealing), StoreError> {
    RedbStore::open_sealed(dir.path(), Options { cache_bytes: 8 << 20 }, keys)
}

fn settings(signing: &str) -> Settings {
    let settings = json!({"url": "https://crm.example/", "signing": {"secrets": [signing]}});
    Settings::restore(&settings).unwrap()
}

/// Writes a secret of each kind.
async fn fill(store: RedbStore) {
    let store = Arc::new(store);
    let account = Account {
        id: ACCOUNT,
        name: "Agency".to_owned(),
        client_id_key: CLIENT_ID_KEY,
        recording_key: FIRST_KEY,
    };
    store.put_account(account).await.unwrap();
    World::new(store.clone()).await;
    store.create_webhook(ACCOUNT, WEBHOOK, settings(SIGNING), START).await.unwrap();
    store.save_webhook(ACCOUNT, WEBHOOK, settings(SIGNING), None, minute(1)).await.unwrap();
    store.switch_webhook(ACCOUNT, WEBHOOK, Switch::On).await.unwrap().unwrap();
    store.put_secret(ACCOUNT, "crm", GRANTED.to_owned(), START).await.unwrap();
    let operations = json!({"url": "https://ops.example/", "secret": OPERATIONS_SIGNING});
    let operations = OperationsWebhook::restore(&operations).unwrap();
    store.put_operations_webhook(ACCOUNT, operations, START).await.unwrap();
    store.rotate_recording_key(ACCOUNT, SECOND_KEY, START).await.unwrap();
    store.close().await;
}

/// Holds what is read against what [`fill`] wrote.
async fn holds_all(store: &RedbStore) {
    let account = store.account(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((account.client_id_key, account.recording_key), (CLIENT_ID_KEY, FIRST_KEY));
    for revision in store.revisions(ACCOUNT, WEBHOOK).await.unwrap() {
        assert_eq!(revision.settings["signing"]["secrets"][0], SIGNING);
    }
    let known = store.webhook(ACCOUNT, WEBHOOK).await.unwrap().unwrap();
    assert_eq!(known.settings.source["signing"]["secrets"][0], SIGNING);
    let granted = store.granted(ACCOUNT, &["crm".to_owned()]).await.unwrap();
    assert_eq!(granted["crm"], GRANTED);
    let operations = store.operations_webhook(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(operations.webhook.to_json()["secret"], OPERATIONS_SIGNING);
    let signing = store.recording_keys(ACCOUNT).await.unwrap();
    assert_eq!(signing.iter().map(|key| key.secret).collect::<Vec<_>>(), [SECOND_KEY, FIRST_KEY]);
    assert_eq!(store.known_account(ACCOUNT).await.unwrap().unwrap().name, "Agency");
}

/// Which of the secrets stand in the file.
fn found_in(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).unwrap();
    let all: [&[u8]; 6] = [
        GRANTED.as_bytes(),
        SIGNING.as_bytes(),
        OPERATIONS_SIGNING.as_bytes(),
        &CLIENT_ID_KEY,
        &FIRST_KEY,
        &SECOND_KEY,
    ];
    let stands = |secret: &&[u8]| bytes.windows(secret.len()).any(|part| part == *secret);
    all.into_iter().filter(stands).map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
}

async fn filled(keys: MasterKeys) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, sealing) = opened(&dir, keys).unwrap();
    assert_eq!(sealing, Sealing::Sealed(0));
    fill(store).await;
    dir
}

/// The folder that a backup of this one becomes.
async fn restored(store: &RedbStore) -> TempDir {
    let mut backup = store.begin_backup(minute(9)).await.unwrap();
    let bytes: Vec<u8> = std::iter::from_fn(|| backup.next_block().unwrap()).flatten().collect();
    let dir = tempfile::tempdir().unwrap();
    restore(bytes.as_slice(), dir.path(), |_, _| {}).unwrap();
    dir
}

#[tokio::test]
async fn no_secret_stands_in_the_file_or_in_a_backup() {
    let dir = filled(keys(1, None)).await;
    assert_eq!(found_in(&dir.path().join(FILE_NAME)), Vec::<String>::new());
    let (store, sealing) = opened(&dir, keys(1, None)).unwrap();
    assert_eq!(sealing, Sealing::AsBefore);
    holds_all(&store).await;
    let again = restored(&store).await;
    assert_eq!(found_in(&again.path().join(FILE_NAME)), Vec::<String>::new());
    assert!(matches!(opened(&again, keys(2, None)).unwrap_err(), StoreError::MasterKeyWrong));
    holds_all(&opened(&again, keys(1, None)).unwrap().0).await;
}

#[tokio::test]
async fn without_its_key_a_folder_is_refused_and_stays_as_it_is() {
    let dir = filled(keys(1, None)).await;
    let file = dir.path().join(FILE_NAME);
    for given in [Some(keys(2, None)), Some(keys(2, Some(3))), None] {
        let error = match given.clone() {
            Some(given) => opened(&dir, given).unwrap_err(),
            None => RedbStore::open(dir.path(), Options::default()).unwrap_err(),
        };
        let told = error.to_string();
        assert!(told.contains("sealed under") && told.contains("--master-key"), "{told}");
        let told = verify(dir.path(), given.as_ref(), |_| {}).unwrap_err();
        assert!(matches!(told, StoreError::MasterKeyMissing | StoreError::MasterKeyWrong), "{told}");
    }
    assert!(is_sealed(dir.path()).unwrap());
    assert_eq!(verify(dir.path(), Some(&keys(1, None)), |_| {}).unwrap().told, []);
    assert_eq!(found_in(&file), Vec::<String>::new());
    holds_all(&opened(&dir, keys(1, None)).unwrap().0).await;
}

#[tokio::test]
async fn a_folder_changes_over_to_another_key_at_once() {
    let dir = filled(keys(1, None)).await;
    let (store, sealing) = opened(&dir, keys(2, Some(1))).unwrap();
    // One account, two revisions, the operations webhook, the secret, two keys of recordings.
    assert_eq!(sealing, Sealing::Resealed(7));
    holds_all(&store).await;
    store.close().await;
    let (store, sealing) = opened(&dir, keys(2, Some(1))).unwrap();
    assert_eq!(sealing, Sealing::AsBefore);
    store.close().await;
    assert!(matches!(opened(&dir, keys(1, None)).unwrap_err(), StoreError::MasterKeyWrong));
    holds_all(&opened(&dir, keys(2, None)).unwrap().0).await;
}

#[tokio::test]
async fn a_folder_that_stands_open_is_sealed_when_a_key_is_given() {
    let dir = tempfile::tempdir().unwrap();
    fill(RedbStore::open(dir.path(), Options::default()).unwrap()).await;
    assert!(!is_sealed(dir.path()).unwrap());
    assert_eq!(found_in(&dir.path().join(FILE_NAME)).len(), 6, "so what is searched for would be found");
    let (store, sealing) = opened(&dir, keys(1, None)).unwrap();
    assert_eq!(sealing, Sealing::Sealed(7));
    holds_all(&store).await;
    // Free pages may hold what stood in them; a backup has none.
    let again = restored(&store).await;
    assert_eq!(found_in(&again.path().join(FILE_NAME)), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_sealed_for_one_place_is_not_read_at_another() {
    let dir = filled(keys(1, None)).await;
    let database = Database::open(dir.path().join(FILE_NAME)).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut secrets = txn.open_table(SECRET).unwrap();
        let row = secrets.get((ACCOUNT.0, "crm")).unwrap().unwrap().value().to_vec();
        secrets.insert((ACCOUNT.0 + 1, "crm"), row.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    let error = opened(&dir, keys(1, None)).unwrap_err();
    assert_eq!(error.to_string(), "the stored secret crm is damaged");
}
