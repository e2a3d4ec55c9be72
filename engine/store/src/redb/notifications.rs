//! What an account's people are told of: written by the engine, of each account the newest kept.

use ::redb::ReadableTable as _;
use async_trait::async_trait;
use leadhook_core::{
    id::{AccountId, DeliveryId},
    notification::{NOTIFICATIONS_MAX, News, Notification},
    time::{Serial, Timestamp},
};

use super::{
    RedbStore, row, table,
    tx::Tx,
    view::{View, listed},
};
use crate::{Follow, Followed, Following, Result, query::Page};

/// Keeps a notification; the oldest beyond the limit goes.
pub(super) fn put(tx: &mut Tx<'_>, account: AccountId, news: &News, now: Timestamp) -> Result<()> {
    let serial = tx.next_serial(now);
    tx.notification.insert((account.0, serial.0), row::encode(&(now, news)).as_slice())?;
    tx.happened.notification(account, Notification { serial, at: now, news: news.clone() });
    // One comes at a time, so at most one is beyond.
    let mut newest_first = tx.notification.range((account.0, 0)..=(account.0, u64::MAX))?.rev();
    let beyond = newest_first.nth(NOTIFICATIONS_MAX).transpose()?.map(|(key, _)| key.value());
    // It holds the pages that it reads, which could not be changed.
    drop(newest_first);
    if let Some(beyond) = beyond {
        tx.notification.remove(beyond)?;
    }
    Ok(())
}

/// Tells of a delivery that was set aside, unless such a thing of its webhook is the newest that is told: damage rarely
/// comes alone.
pub(super) fn damaged(tx: &mut Tx<'_>, account: AccountId, delivery: DeliveryId) -> Result<()> {
    let webhook = delivery.lane.webhook;
    let newest = tx.notification.range((account.0, 0)..=(account.0, u64::MAX))?.next_back().transpose()?;
    let newest = newest.map(|(key, row)| decode(Serial(key.value().1), row.value()));
    let is_told = |told: Notification| matches!(told.news, News::Damage { webhook: of, .. } if of == webhook);
    if newest.is_some_and(|newest| newest.is_ok_and(is_told)) {
        return Ok(());
    }
    let now = tx.time();
    put(tx, account, &News::Damage { webhook, delivery }, now)
}

/// A page of an account's notifications, newest first.
pub(super) fn list(
    view: &View,
    account: AccountId,
    limit: usize,
    before: Option<Serial>,
) -> Result<Page<Notification>> {
    view.newest_first(table::NOTIFICATION, account, limit, before, decode)
}

/// An account's notifications after a serial, oldest first, at most `limit`.
fn after(view: &View, account: AccountId, after: Serial, limit: usize) -> Result<Vec<Notification>> {
    let from = (account.0, after.0.saturating_add(1));
    let mut found = Vec::new();
    for entry in view.table(table::NOTIFICATION)?.range(from..=(account.0, u64::MAX))? {
        if found.len() == limit {
            break;
        }
        let (key, value) = entry?;
        found.extend(listed(decode(Serial(key.value().1), value.value()))?);
    }
    Ok(found)
}

pub(super) fn decode(serial: Serial, row: &[u8]) -> Result<Notification> {
    let (at, news) = row::decode(row, || format!("notification {}", serial.0))?;
    Ok(Notification { serial, at, news })
}

#[async_trait]
impl Follow for RedbStore {
    async fn notify(&self, account: AccountId, news: News, now: Timestamp) -> Result<()> {
        self.queue.call(move |tx| put(tx, account, &news, now), |(), _| ()).await
    }

    async fn notifications(
        &self,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
    ) -> Result<Page<Notification>> {
        self.read(move |view| list(view, account, limit, before)).await
    }

    async fn follow(&self, followed: Followed) -> Result<Following> {
        // On a thread that may wait: a commit that is to be told to followers holds the lock.
        self.on_blocking_thread(move |shared| Ok(shared.followers.add(followed))).await
    }

    async fn notifications_after(
        &self,
        account: AccountId,
        serial: Serial,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        self.read(move |view| after(view, account, serial, limit)).await
    }
}
