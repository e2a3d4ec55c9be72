//! What an account's people are told of: written by the engine, of each account the newest kept.

use ::redb::ReadableTable as _;
use leadhook_core::{
    id::AccountId,
    notification::{NOTIFICATIONS_MAX, News, Notification},
    time::{Serial, Timestamp},
};

use super::{row, table, tx::Tx, view::View};
use crate::{Result, query::Page};

/// Keeps a notification; the oldest beyond the limit goes.
pub(super) fn put(tx: &mut Tx<'_>, account: AccountId, news: &News, now: Timestamp) -> Result<()> {
    let serial = tx.next_serial(now);
    tx.notification.insert((account.0, serial.0), row::encode(&(now, news)).as_slice())?;
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

/// A page of an account's notifications, newest first.
pub(super) fn list(
    view: &View,
    account: AccountId,
    limit: usize,
    before: Option<Serial>,
) -> Result<Page<Notification>> {
    view.newest_first(table::NOTIFICATION, account, limit, before, |serial, row| {
        let (at, news) = row::decode(row, || format!("notification {}", serial.0))?;
        Ok(Notification { serial, at, news })
    })
}
