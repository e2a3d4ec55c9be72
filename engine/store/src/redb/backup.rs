//! Backups of the running store: all rows of one view, a block at a time.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Bound,
};

use ::redb::{Key, ReadableTableMetadata as _, TableDefinition, Value};
use async_trait::async_trait;
use leadhook_core::{retention::Retention, time::Timestamp};
use serde_bytes::ByteBuf;

use super::{
    RedbStore, retention, round,
    table::FORMAT,
    tables::{self, Holds, OverTable},
    view::View,
};
use crate::{
    Result, StoreError,
    backup::{BackupHead, Packer, RowBytes},
    upkeep::{Backup, RetentionPlace, RetentionStep, RoundPlace, RoundStep, Upkeep},
};

/// About how many bytes of rows one block has.
const BLOCK_BYTES: usize = 1024 * 1024;

#[async_trait]
impl Upkeep for RedbStore {
    async fn begin_backup(&self, now: Timestamp) -> Result<Box<dyn Backup>> {
        self.on_blocking_thread(move |shared| {
            let reading = Reading::begin(shared.view()?, now)?;
            Ok(Box::new(reading) as Box<dyn Backup>)
        })
        .await
    }

    async fn step_retention(
        &self,
        keep: Retention,
        place: RetentionPlace,
        now: Timestamp,
    ) -> Result<Option<RetentionStep>> {
        let looking = move |shared: &_| retention::look(shared, keep, now, place);
        match self.on_blocking_thread(looking).await? {
            Some(place) => self.queue.call(move |tx| retention::step(tx, place), |step, _| Some(step)).await,
            None => Ok(None),
        }
    }

    async fn step_round(&self, place: RoundPlace) -> Result<RoundStep> {
        let found = self.on_blocking_thread(move |shared| round::look(shared, place)).await?;
        let mended = match found.amiss.is_empty() {
            true => BTreeSet::new(),
            false => self.queue.call(move |tx| round::mend(tx, &found.amiss), |mended, _| mended).await?,
        };
        Ok(RoundStep { next: found.next, mended })
    }
}

/// A backup being read.
struct Reading {
    view: View,
    packer: Packer,
    /// What comes before the first rows; `None` once it was given.
    head: Option<BackupHead>,
    /// The tables that are not wholly read.
    tables: VecDeque<String>,
    /// The last key that was read of the first of them.
    after: Option<Vec<u8>>,
    ended: bool,
}

impl Reading {
    fn begin(view: View, now: Timestamp) -> Result<Self> {
        let tables: VecDeque<String> = view.table_names()?.into();
        let mut rows = 0;
        for table in &tables {
            rows += over(table, &mut Count { view: &view })?;
        }
        let head = Some(BackupHead::new(FORMAT, now, rows));
        Ok(Self { view, packer: Packer::default(), head, tables, after: None, ended: false })
    }
}

impl Backup for Reading {
    fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(self.packer.head(head)));
        }
        while let Some(table) = self.tables.front() {
            let mut reading = Rows { view: &self.view, after: self.after.as_deref() };
            let rows = over(table, &mut reading)?;
            match rows.last() {
                Some((key, _)) => {
                    self.after = Some(key.to_vec());
                    return Ok(Some(self.packer.rows(table.clone(), rows)));
                }
                None => {
                    self.after = None;
                    self.tables.pop_front();
                }
            }
        }
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        Ok(Some(self.packer.end()))
    }
}

fn over<O: OverTable>(table: &str, what: &mut O) -> Result<O::Answer> {
    let unknown =
        || StoreError::Damaged { what: format!("table {table}, which this version does not know,") };
    tables::over(table, what).ok_or_else(unknown)?
}

struct Count<'a> {
    view: &'a View,
}

impl OverTable for Count<'_> {
    type Answer = u64;

    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
        _: Holds,
    ) -> Result<u64> {
        Ok(self.view.table(table)?.len()?)
    }
}

/// Reads the rows after a key, up to about a block of them; none at the end.
struct Rows<'a> {
    view: &'a View,
    after: Option<&'a [u8]>,
}

impl OverTable for Rows<'_> {
    type Answer = Vec<RowBytes>;

    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
        _: Holds,
    ) -> Result<Vec<RowBytes>> {
        let from = self.after.map_or(Bound::Unbounded, |after| Bound::Excluded(K::from_bytes(after)));
        let table = self.view.table(table)?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for entry in table.range::<K::SelfType<'_>>((from, Bound::Unbounded))? {
            let (key, value) = entry?;
            let key = K::as_bytes(&key.value()).as_ref().to_vec();
            let value = V::as_bytes(&value.value()).as_ref().to_vec();
            bytes += key.len() + value.len();
            rows.push((ByteBuf::from(key), ByteBuf::from(value)));
            if bytes >= BLOCK_BYTES {
                break;
            }
        }
        Ok(rows)
    }
}
