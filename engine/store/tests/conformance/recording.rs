//! The keys that sign links to recordings.

use leadhook_core::{
    id::AccountId,
    parameter::recording::key::{RECORDING_KEYS_MAX, RecordingKey},
    time::DAY_MS,
};
use leadhook_store::{Account, KeyRevoked, KeyRotated, Store};

use super::{
    Fixture,
    world::{ACCOUNT, START, World},
};

/// The numbers of an account's keys, the one that signs first.
async fn numbers(store: &dyn Store, account: AccountId) -> Vec<u32> {
    store.recording_keys(account).await.unwrap().iter().map(|key| key.number).collect()
}

async fn with_account<F: Fixture>() -> F {
    let fixture = F::make().await;
    World::new(fixture.store()).await;
    let account =
        Account { id: ACCOUNT, name: "default".to_owned(), client_id_key: [1; 32], recording_key: [2; 32] };
    fixture.store().put_account(account).await.unwrap();
    fixture
}

pub(crate) async fn an_account_begins_with_a_key_and_rotates_to_others<F: Fixture>() {
    let mut fixture = with_account::<F>().await;
    assert_eq!(fixture.store().recording_keys(ACCOUNT).await.unwrap(), [RecordingKey::first([2; 32])]);
    let rotated = fixture.store().rotate_recording_key(ACCOUNT, [3; 32], START).await.unwrap();
    let second = RecordingKey { number: 2, secret: [3; 32], made_at: Some(START), retired_at: None };
    assert_eq!(rotated, KeyRotated::Rotated(second.clone()));
    fixture.reopen().await;
    let first = RecordingKey { retired_at: Some(START), ..RecordingKey::first([2; 32]) };
    assert_eq!(fixture.store().recording_keys(ACCOUNT).await.unwrap(), [second, first]);
    let later = START.plus_ms(30 * DAY_MS);
    fixture.store().rotate_recording_key(ACCOUNT, [4; 32], later).await.unwrap();
    assert_eq!(numbers(&*fixture.store(), ACCOUNT).await, [3, 2], "what the first signed has expired");
}

pub(crate) async fn a_key_that_signs_no_longer_can_be_revoked<F: Fixture>() {
    let fixture = with_account::<F>().await;
    let store = fixture.store();
    assert_eq!(store.revoke_recording_key(ACCOUNT, 1).await.unwrap(), KeyRevoked::Signs);
    store.rotate_recording_key(ACCOUNT, [3; 32], START).await.unwrap();
    assert_eq!(store.revoke_recording_key(ACCOUNT, 1).await.unwrap(), KeyRevoked::Revoked);
    assert_eq!(store.revoke_recording_key(ACCOUNT, 1).await.unwrap(), KeyRevoked::Unknown);
    assert_eq!(store.revoke_recording_key(ACCOUNT, 2).await.unwrap(), KeyRevoked::Signs);
    assert_eq!(numbers(&*store, ACCOUNT).await, [2], "the first does not come back");
}

pub(crate) async fn recording_keys_are_bounded_and_each_accounts_own<F: Fixture>() {
    let fixture = with_account::<F>().await;
    let store = fixture.store();
    let other = AccountId(ACCOUNT.0 + 7);
    assert_eq!(numbers(&*store, other).await, [0; 0]);
    let unknown = store.rotate_recording_key(other, [3; 32], START).await.unwrap();
    assert_eq!(unknown, KeyRotated::UnknownAccount);
    for _ in 1..RECORDING_KEYS_MAX {
        let rotated = store.rotate_recording_key(ACCOUNT, [3; 32], START).await.unwrap();
        assert!(matches!(rotated, KeyRotated::Rotated(_)), "{rotated:?}");
    }
    let beyond = store.rotate_recording_key(ACCOUNT, [3; 32], START).await.unwrap();
    assert_eq!(beyond, KeyRotated::TooMany);
    assert_eq!(numbers(&*store, ACCOUNT).await.len(), RECORDING_KEYS_MAX);
}
