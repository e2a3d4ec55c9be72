//! What plugins keep for webhooks. What has ended, and what deleted webhooks leave, goes a few rows at a time.

use ::redb::ReadableTable as _;
use leadhook_core::{
    id::{AccountId, WebhookId},
    plugin::{StateChange, Stored},
    time::Timestamp,
    webhook::Switch,
};

use super::{row, table, tx::Tx, view::View};
use crate::Result;

/// How many rows that have ended go with a settlement, above the number of its own changes: more go than come,
/// so that they cannot pile up.
const REMOVED_EACH: usize = 16;
/// How many rows of a webhook go at once when it is deleted.
const REMOVED_AT_DELETION: usize = 1_000;

/// What stands under a key, also when it has ended.
pub(super) fn stored(
    view: &View,
    account: AccountId,
    webhook: WebhookId,
    plugin: &str,
    key: &str,
) -> Result<Option<Stored>> {
    let row = view.table(table::STATE)?.get((account.0, webhook.0, plugin, key))?;
    row.map(|row| decode(row.value(), webhook, plugin, key)).transpose()
}

/// Applies changes in order, and removes some rows that have ended. A deleted webhook keeps nothing.
pub(super) fn change(
    tx: &mut Tx<'_>,
    account: AccountId,
    webhook: WebhookId,
    changes: &[StateChange],
    now: Timestamp,
) -> Result<()> {
    let keeps = tx.setup.webhook(account, webhook).is_some_and(|known| known.switch != Switch::Deleted);
    if changes.is_empty() || !keeps {
        return Ok(());
    }
    let now_ms = u64::try_from(now.0).unwrap_or(0);
    for change in changes {
        apply(tx, account, webhook, change, now_ms)?;
    }
    let most = REMOVED_EACH + changes.len();
    remove_ended(tx, account, now_ms, most)?;
    remove_left(tx, account, most)
}

/// Removes what a webhook that is being deleted keeps: some now, the rest with later settlements.
pub(super) fn forget(tx: &mut Tx<'_>, account: AccountId, webhook: WebhookId) -> Result<()> {
    tx.state_left.insert((account.0, webhook.0), ())?;
    remove_left(tx, account, REMOVED_AT_DELETION)
}

fn apply(
    tx: &mut Tx<'_>,
    account: AccountId,
    webhook: WebhookId,
    change: &StateChange,
    now_ms: u64,
) -> Result<()> {
    let StateChange { plugin, key, change } = change;
    let at = (account.0, webhook.0, plugin.as_str(), key.as_str());
    let before = remove(tx, at)?;
    let after = change.apply(before.as_ref(), now_ms);
    if let Some(after) = after.filter(|after| after.stands_at(now_ms)) {
        tx.state.insert(at, row::encode(&after).as_slice())?;
        if let Some(end) = after.expires_at_ms {
            tx.state_end.insert((account.0, end, webhook.0, plugin.as_str(), key.as_str()), ())?;
        }
    }
    Ok(())
}

/// Takes a row out, with its end. One that is damaged counts as not there: its delivery has happened and must be
/// recorded all the same.
fn remove(tx: &mut Tx<'_>, at: (u32, u64, &str, &str)) -> Result<Option<Stored>> {
    let (account, webhook, plugin, key) = at;
    let Some(row) = tx.state.remove(at)? else { return Ok(None) };
    match decode(row.value(), WebhookId(webhook), plugin, key) {
        Ok(stored) => {
            if let Some(end) = stored.expires_at_ms {
                tx.state_end.remove((account, end, webhook, plugin, key))?;
            }
            Ok(Some(stored))
        }
        Err(error) => {
            tracing::error!(%error, "a damaged row is removed");
            Ok(None)
        }
    }
}

/// Removes up to `most` rows of the account that have ended, those that ended first.
fn remove_ended(tx: &mut Tx<'_>, account: AccountId, now_ms: u64, most: usize) -> Result<()> {
    for _ in 0..most {
        let Some((end, webhook, plugin, key)) = first_end(tx, account.0)? else { break };
        if end > now_ms {
            break;
        }
        tx.state_end.remove((account.0, end, webhook, plugin.as_str(), key.as_str()))?;
        // After damage an end may be left of a row that was set anew.
        let at = (account.0, webhook, plugin.as_str(), key.as_str());
        let stored = tx.state.get(at)?.map(|row| decode(row.value(), WebhookId(webhook), &plugin, &key));
        if !stored.is_some_and(|stored| stored.is_ok_and(|stored| stored.stands_at(now_ms))) {
            remove(tx, at)?;
        }
    }
    Ok(())
}

/// What ends first in an account, or has ended: its end, webhook, plugin and key.
fn first_end(tx: &Tx<'_>, account: u32) -> Result<Option<(u64, u64, String, String)>> {
    let first = tx.state_end.range((account, 0, 0, "", "")..)?.next().transpose()?;
    Ok(first.and_then(|(entry, _)| {
        let (of_account, end, webhook, plugin, key) = entry.value();
        (of_account == account).then(|| (end, webhook, plugin.to_owned(), key.to_owned()))
    }))
}

/// Removes up to `most` rows of deleted webhooks.
fn remove_left(tx: &mut Tx<'_>, account: AccountId, most: usize) -> Result<()> {
    for _ in 0..most {
        let webhooks = (account.0, 0)..=(account.0, u64::MAX);
        let first = tx.state_left.range(webhooks)?.next().transpose()?;
        let Some(webhook) = first.map(|(webhook, _)| webhook.value().1) else { break };
        let known = tx.setup.webhook(account, WebhookId(webhook));
        if known.is_none_or(|known| known.switch != Switch::Deleted) {
            tracing::error!(webhook = %WebhookId(webhook), "it is noted as deleted and is not: it keeps its state");
            tx.state_left.remove((account.0, webhook))?;
            continue;
        }
        match first_key(tx, account.0, webhook)? {
            Some((plugin, key)) => {
                remove(tx, (account.0, webhook, &plugin, &key))?;
            }
            None => {
                tx.state_left.remove((account.0, webhook))?;
            }
        }
    }
    Ok(())
}

/// The first row of a webhook: its plugin and its key.
fn first_key(tx: &Tx<'_>, account: u32, webhook: u64) -> Result<Option<(String, String)>> {
    let first = tx.state.range((account, webhook, "", "")..)?.next().transpose()?;
    Ok(first.and_then(|(row, _)| {
        let (of_account, of_webhook, plugin, key) = row.value();
        ((of_account, of_webhook) == (account, webhook)).then(|| (plugin.to_owned(), key.to_owned()))
    }))
}

fn decode(row: &[u8], webhook: WebhookId, plugin: &str, key: &str) -> Result<Stored> {
    row::decode(row, || format!("state {key} of plugin {plugin} for webhook {webhook}"))
}

#[cfg(test)]
mod tests {
    use ::redb::ReadableTableMetadata as _;
    use leadhook_core::{plugin::Change, webhook::Settings};
    use serde_json::json;

    use super::super::{Options, RedbStore};
    use super::*;
    use crate::Store as _;

    const ACCOUNT: AccountId = AccountId(1);
    const WEBHOOK: WebhookId = WebhookId(7);
    const OTHER: WebhookId = WebhookId(8);

    /// A store with two webhooks.
    async fn store() -> (tempfile::TempDir, RedbStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = RedbStore::open(dir.path(), Options { cache_bytes: 1 << 20 }).unwrap();
        let settings = Settings::restore(&json!({"url": "http://receiver.example/hook"})).unwrap();
        for webhook in [WEBHOOK, OTHER] {
            store.create_webhook(ACCOUNT, webhook, settings.clone(), Timestamp(0)).await.unwrap();
        }
        (dir, store)
    }

    fn set(key: u32, expires_at_ms: Option<u64>) -> StateChange {
        let change = Change::Set(Stored { value: b"x".to_vec(), expires_at_ms });
        StateChange { plugin: "dedupe".to_owned(), key: format!("k{key:05}"), change }
    }

    /// Changes a webhook's state; how many rows and ends there are then in all.
    async fn changed(
        store: &RedbStore,
        webhook: WebhookId,
        changes: Vec<StateChange>,
        now: i64,
    ) -> (u64, u64) {
        let run = move |tx: &mut Tx<'_>| {
            change(tx, ACCOUNT, webhook, &changes, Timestamp(now))?;
            Ok((tx.state.len()?, tx.state_end.len()?))
        };
        store.queue.call(run, |counts, _| counts).await.unwrap()
    }

    #[tokio::test]
    async fn what_has_ended_goes_faster_than_it_comes() {
        let (_dir, store) = store().await;
        let many = (0..100).map(|key| set(key, Some(1_000))).collect();
        assert_eq!(changed(&store, WEBHOOK, many, 0).await, (100, 100));
        assert_eq!(changed(&store, WEBHOOK, vec![set(500, None)], 999).await, (101, 100), "none has ended");
        assert_eq!(changed(&store, WEBHOOK, Vec::new(), 1_000).await, (101, 100), "nothing to write");
        assert_eq!(changed(&store, OTHER, vec![set(501, Some(9_000))], 1_000).await, (85, 84));
        let many = (1_000..1_050).map(|key| set(key, Some(8_000))).collect();
        assert_eq!(changed(&store, WEBHOOK, many, 1_000).await, (69, 68));
        assert_eq!(changed(&store, WEBHOOK, vec![set(500, None)], 1_001).await, (52, 51), "all are gone");
        assert_eq!(changed(&store, WEBHOOK, vec![set(500, None)], 1_001).await, (52, 51), "no others go");
    }

    #[tokio::test]
    async fn a_key_has_the_end_of_its_last_change() {
        let (_dir, store) = store().await;
        changed(&store, WEBHOOK, vec![set(1, Some(500))], 0).await;
        assert_eq!(changed(&store, WEBHOOK, vec![set(1, Some(2_000))], 0).await, (1, 1));
        assert_eq!(changed(&store, WEBHOOK, vec![set(2, Some(1_000))], 1_000).await, (1, 1), "over at once");
        assert_eq!(changed(&store, WEBHOOK, vec![set(1, None)], 1_500).await, (1, 0));
        assert_eq!(changed(&store, WEBHOOK, vec![set(2, Some(9_000))], 3_000).await, (2, 1));
        let delete = StateChange { change: Change::Delete, ..set(2, None) };
        assert_eq!(changed(&store, WEBHOOK, vec![delete], 3_000).await, (1, 0));
    }

    #[tokio::test]
    async fn what_a_deleted_webhook_leaves_goes_in_steps_and_nothing_comes_anew() {
        let (_dir, store) = store().await;
        let many = (0..1_050).map(|key| set(key, Some(90_000))).collect();
        changed(&store, WEBHOOK, many, 0).await;
        changed(&store, OTHER, vec![set(0, None)], 0).await;
        store.switch_webhook(ACCOUNT, WEBHOOK, Switch::Deleted).await.unwrap().unwrap();
        assert_eq!(changed(&store, WEBHOOK, vec![set(1, None)], 0).await, (51, 50));
        for left in [33, 16, 0, 0] {
            assert_eq!(changed(&store, OTHER, vec![set(0, None)], 0).await, (1 + left, left));
        }
        let marks = store.queue.call(|tx| Ok(tx.state_left.len()?), |count, _| count).await.unwrap();
        assert_eq!(marks, 0, "nothing more is looked for");
    }
}
