//! Operations webhooks: where each account's notifications are sent, and how far they were.

use ::redb::ReadableTable as _;
use async_trait::async_trait;
use leadhook_core::{
    audit::{Action, Deed},
    id::AccountId,
    operations::{OperationsWebhook, Place},
    time::Timestamp,
};

use super::{RedbStore, row, table, tx::Tx, view::View};
use crate::{Operations, OperationsWebhooks, Result, StoreError};

/// What it is called in the audit trail: an account has one.
const OBJECT: &str = "operations-webhook";

#[async_trait]
impl OperationsWebhooks for RedbStore {
    async fn put_operations_webhook(
        &self,
        account: AccountId,
        webhook: OperationsWebhook,
        now: Timestamp,
    ) -> Result<Operations> {
        self.queue.call(move |tx| put(tx, account, &webhook, now), |value, _| value).await
    }

    async fn operations_webhook(&self, account: AccountId) -> Result<Option<Operations>> {
        self.read(move |view| stored(view, account)).await
    }

    async fn accounts_with_operations_webhook(&self) -> Result<Vec<AccountId>> {
        self.read(|view| {
            let rows = view.table(table::OPERATIONS)?;
            rows.iter()?.map(|entry| Ok(AccountId(entry?.0.value()))).collect()
        })
        .await
    }

    async fn delete_operations_webhook(&self, account: AccountId) -> Result<bool> {
        let delete = move |tx: &mut Tx<'_>| {
            let found = tx.operations.remove(account.0)?.is_some();
            if found {
                tx.operations_place.remove(account.0)?;
                tx.note(account, &Deed::new(Action::OperationsWebhookDeleted, OBJECT))?;
            }
            Ok(found)
        };
        self.queue.call(delete, |value, _| value).await
    }

    async fn move_operations_place(&self, account: AccountId, from: Place, to: Place) -> Result<bool> {
        let move_on = move |tx: &mut Tx<'_>| {
            let stands = place(tx, account)?.is_some_and(|place| place == from);
            if stands {
                tx.operations_place.insert(account.0, row::encode(&to).as_slice())?;
            }
            Ok(stands)
        };
        self.queue.call(move_on, |value, _| value).await
    }
}

fn put(
    tx: &mut Tx<'_>,
    account: AccountId,
    webhook: &OperationsWebhook,
    now: Timestamp,
) -> Result<Operations> {
    let place = match place(tx, account)? {
        Some(place) => place.set_anew(now),
        None => Place::beginning(tx.next_serial(now), now),
    };
    let text = webhook.to_json().to_string();
    let row = tx.sealer.encode(table::OPERATIONS, account.0, &text)?;
    tx.operations.insert(account.0, row.as_slice())?;
    tx.operations_place.insert(account.0, row::encode(&place).as_slice())?;
    tx.note(account, &Deed::new(Action::OperationsWebhookSet, OBJECT))?;
    Ok(Operations { webhook: webhook.clone(), place })
}

fn place(tx: &Tx<'_>, account: AccountId) -> Result<Option<Place>> {
    let row = tx.operations_place.get(account.0)?;
    row.map(|row| row::decode(row.value(), || place_name(account))).transpose()
}

/// An account's operations webhook with its place, which stand and go together.
pub(super) fn stored(view: &View, account: AccountId) -> Result<Option<Operations>> {
    let Some(row) = view.table(table::OPERATIONS)?.get(account.0)? else {
        return match view.table(table::OPERATIONS_PLACE)?.get(account.0)? {
            None => Ok(None),
            Some(_) => {
                Err(StoreError::Damaged { what: format!("operations webhook of account {}", account.0) })
            }
        };
    };
    let what = || format!("operations webhook of account {}", account.0);
    let text: String = view.sealer.decode(table::OPERATIONS, account.0, row.value(), what)?;
    let webhook = serde_json::from_str(&text).ok().and_then(|value| OperationsWebhook::restore(&value).ok());
    let webhook = webhook.ok_or_else(|| StoreError::Damaged { what: what() })?;
    let place = view.table(table::OPERATIONS_PLACE)?.get(account.0)?;
    let place = place.ok_or_else(|| StoreError::Damaged { what: place_name(account) })?;
    Ok(Some(Operations { webhook, place: row::decode(place.value(), || place_name(account))? }))
}

fn place_name(account: AccountId) -> String {
    format!("place of the operations webhook of account {}", account.0)
}
