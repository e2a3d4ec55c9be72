//! A consistent view of what is stored, for readers.

use std::{collections::HashMap, sync::Arc};

use ::redb::{
    Database, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable, TableDefinition,
    TableError, TableHandle as _, Value,
};
use leadhook_core::{
    delivery::Delivery,
    id::{AccountId, DeliveryId, LeadRef, WebhookId},
    lead::{Cause, Lead},
    time::Serial,
};

use super::{
    kinds::Text,
    row,
    seal::Sealer,
    setup::Setup,
    table::{self, Daily, DeliveryKey, LeadKey},
};
use crate::{Result, StoreError, query::Page};

/// The most rows that one page of a list looks at.
pub(super) const ROWS_LOOKED_AT_MAX: usize = 20_000;

/// One read transaction.
pub(super) struct View {
    txn: ReadTransaction,
    /// What rows with secrets go through.
    pub(super) sealer: Arc<Sealer>,
}

impl View {
    pub(super) fn begin(database: &Database, sealer: Arc<Sealer>) -> Result<Self> {
        Ok(Self { txn: database.begin_read()?, sealer })
    }

    /// The format of what is stored; `None` when nothing is.
    pub(super) fn format(&self) -> Result<Option<u32>> {
        let meta = match self.txn.open_table(table::META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = meta.get(table::META_FORMAT)?.map_or(0, |format| format.value());
        Ok(Some(u32::try_from(found).unwrap_or(u32::MAX)))
    }

    /// The first UTC day whose leads did not grow old yet.
    pub(super) fn leads_from_day(&self) -> Result<u32> {
        leads_from_day(&self.table(table::META)?)
    }

    /// What customers have set.
    pub(super) fn setup(&self) -> Result<Setup> {
        Setup::load(&self.txn, &self.sealer)
    }

    /// A table that always exists.
    pub(super) fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>> {
        Ok(self.txn.open_table(definition)?)
    }

    /// The names of all tables.
    pub(super) fn table_names(&self) -> Result<Vec<String>> {
        Ok(self.txn.list_tables()?.map(|table| table.name().to_owned()).collect())
    }

    /// The table of one day, if anything was written on it.
    pub(super) fn day<K: Key + 'static>(
        &self,
        daily: &Daily<K>,
        day: u32,
    ) -> Result<Option<ReadOnlyTable<K, &'static [u8]>>> {
        match self.txn.open_table(table::daily::<K>(&daily.name(day))) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The days that have a table, newest first.
    pub(super) fn days<K: Key + 'static>(&self, daily: &Daily<K>) -> Result<Vec<u32>> {
        let mut days: Vec<u32> =
            self.txn.list_tables()?.filter_map(|table| daily.day(table.name())).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }

    /// A page of what an account has under serials, newest first, from before a serial on.
    pub(super) fn newest_first<T>(
        &self,
        definition: TableDefinition<'_, (u32, u64), &'static [u8]>,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
        decode: impl Fn(Serial, &[u8]) -> Result<T>,
    ) -> Result<Page<T>> {
        let before = before.map_or(u64::MAX, |serial| serial.0);
        let (mut rows, mut read) = (Vec::new(), None);
        for entry in self.table(definition)?.range((account.0, 0)..(account.0, before))?.rev() {
            if rows.len() == limit {
                return Ok(Page { rows, next: read });
            }
            let (key, value) = entry?;
            let serial = Serial(key.value().1);
            rows.extend(listed(decode(serial, value.value()))?);
            read = Some(serial);
        }
        Ok(Page { rows, next: None })
    }

    /// What a delivery is, wherever it stands.
    pub(super) fn delivery(&self, account: AccountId, id: DeliveryId) -> Result<Option<Delivery>> {
        let key = table::delivery_key(account, id);
        let mut found = match self.table(table::OPEN)?.get(key)? {
            Some(row) => Some(decode_delivery(row.value(), key)?),
            None => None,
        };
        if found.is_none()
            && let Some(done) = self.day(&table::DONE, id.serial.day())?
            && let Some(row) = done.get(key)?
        {
            found = Some(decode_delivery(row.value(), key)?);
        }
        if found.is_none() && self.table(table::QUARANTINE)?.get(key)?.is_some() {
            return Err(StoreError::Damaged { what: format!("delivery {id}") });
        }
        // The webhook and the serial find the row; an id that names another lead with them is not this delivery's.
        Ok(found.filter(|delivery| delivery.id == id))
    }

    /// The history of a lead, newest first: what made each version.
    pub(super) fn causes(
        &self,
        account: AccountId,
        lead: Serial,
    ) -> Result<impl Iterator<Item = Result<Cause>> + use<>> {
        let table = self.day(&table::LEAD, lead.day())?;
        let rows = table.map(|table| table.range(table::versions(account, lead))).transpose()?;
        Ok(rows.into_iter().flat_map(|rows| rows.rev()).map(move |entry| {
            let (key, value) = entry?;
            row::decode(value.value(), || version_name(lead, key.value().2))
        }))
    }
}

/// The tables of days, opened once each.
pub(super) struct DayTables<'v, K: Key + 'static> {
    view: &'v View,
    daily: Daily<K>,
    open: HashMap<u32, Option<ReadOnlyTable<K, &'static [u8]>>>,
}

impl<'v, K: Key + 'static> DayTables<'v, K> {
    pub(super) fn new(view: &'v View, daily: Daily<K>) -> Self {
        Self { view, daily, open: HashMap::new() }
    }

    pub(super) fn on(&mut self, day: u32) -> Result<Option<&ReadOnlyTable<K, &'static [u8]>>> {
        if let std::collections::hash_map::Entry::Vacant(slot) = self.open.entry(day) {
            slot.insert(self.view.day(&self.daily, day)?);
        }
        Ok(self.open.get(&day).and_then(Option::as_ref))
    }
}

/// A delivery of a row that stands under this key: a row knows whose it is, its key has no sum.
pub(super) fn decode_delivery(row: &[u8], key: DeliveryKey) -> Result<Delivery> {
    let what = || format!("delivery number {} of webhook {}", key.2, WebhookId(key.1));
    let delivery: Delivery = row::decode(row, what)?;
    if is_under(&delivery, key) { Ok(delivery) } else { Err(StoreError::Damaged { what: what() }) }
}

/// Whether this key is the delivery's own.
pub(super) fn is_under(delivery: &Delivery, key: DeliveryKey) -> bool {
    (delivery.id.lane.webhook.0, delivery.id.serial.0) == (key.1, key.2)
}

/// The lead to which the row led that finds one by its source's name. That row has no sum: what it finds says whether it is
/// the one. `None` where it has grown old: after damage an id of such a one may be left.
pub(super) fn the_one(
    found: Option<Lead>,
    serial: Serial,
    reference: &LeadRef,
    from_day: impl FnOnce() -> Result<u32>,
) -> Result<Option<Lead>> {
    match found {
        Some(lead) if lead.reference == *reference => Ok(Some(lead)),
        None if serial.day() < from_day()? => Ok(None),
        _ => Err(StoreError::Damaged { what: format!("number of lead {reference}") }),
    }
}

/// The first UTC day whose leads did not grow old yet.
pub(super) fn leads_from_day(meta: &impl ReadableTable<Text, u64>) -> Result<u32> {
    let from = meta.get(table::META_LEADS_FROM)?.map_or(0, |day| day.value());
    Ok(u32::try_from(from).unwrap_or(u32::MAX))
}

/// A lead in its newest version.
pub(super) fn newest_lead(
    table: &impl ReadableTable<LeadKey, &'static [u8]>,
    account: AccountId,
    lead: Serial,
) -> Result<Option<Lead>> {
    let Some(entry) = table.range(table::versions(account, lead))?.next_back() else { return Ok(None) };
    let (key, value) = entry?;
    decode_lead(value.value(), lead, key.value().2).map(Some)
}

/// A lead in one version.
pub(super) fn lead_at(
    table: &impl ReadableTable<LeadKey, &'static [u8]>,
    account: AccountId,
    lead: Serial,
    version: u32,
) -> Result<Option<Lead>> {
    let row = table.get((account.0, lead.0, version))?;
    row.map(|row| decode_lead(row.value(), lead, version)).transpose()
}

/// The lead of a version's row, which is to be the one that it stands under.
pub(super) fn decode_lead(row: &[u8], serial: Serial, version: u32) -> Result<Lead> {
    let (_, lead): (Cause, Lead) = row::decode(row, || version_name(serial, version))?;
    if (lead.serial, lead.version) != (serial, version) {
        return Err(StoreError::Damaged { what: version_name(serial, version) });
    }
    Ok(lead)
}

fn version_name(lead: Serial, version: u32) -> String {
    format!("version {version} of lead number {}", lead.0)
}

/// What a list shows of a row: a damaged one is reported and left out, so that it does not hide all others.
pub(super) fn listed<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Damaged { what }) => {
            tracing::error!(%what, "a damaged row is left out of a list");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
