//! Every table by its name, with rows as the bytes that they are: so that a bit of any key and any value can be flipped.

use std::{borrow::Cow, cmp::Ordering, marker::PhantomData, path::Path};

use redb::{Database, Key, ReadableDatabase as _, TableDefinition, TableHandle as _, TypeName, Value};

/// A type as redb stores it, whose values are their bytes: also those that mean nothing.
#[derive(Debug)]
struct Raw<T>(PhantomData<T>);

impl<T: Value> Value for Raw<T> {
    type SelfType<'a>
        = &'a [u8]
    where
        Self: 'a;
    type AsBytes<'a>
        = &'a [u8]
    where
        Self: 'a;

    fn fixed_width() -> Option<usize> {
        T::fixed_width()
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        T::type_name()
    }
}

impl<T: Key> Key for Raw<T> {
    fn compare(data1: &[u8], data2: &[u8]) -> Ordering {
        T::compare(data1, data2)
    }

    fn separator<'a>(left: &'a [u8], right: &'a [u8]) -> Cow<'a, [u8]> {
        T::separator(left, right)
    }

    fn min_encoded_key() -> Option<Cow<'static, [u8]>> {
        T::min_encoded_key()
    }
}

/// A row: its key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

fn rows<K: Key + 'static, V: Value + 'static>(database: &Database, name: &str) -> Vec<Row> {
    let table: TableDefinition<'_, Raw<K>, Raw<V>> = TableDefinition::new(name);
    let table = database.begin_read().unwrap().open_table(table).unwrap();
    table
        .range::<&[u8]>(..)
        .unwrap()
        .map(|row| row.unwrap())
        .map(|(k, v)| (k.value().to_vec(), v.value().to_vec()))
        .collect()
}

fn replace<K: Key + 'static, V: Value + 'static>(database: &Database, name: &str, old: &[u8], row: &Row) {
    let table: TableDefinition<'_, Raw<K>, Raw<V>> = TableDefinition::new(name);
    let txn = database.begin_write().unwrap();
    {
        let mut table = txn.open_table(table).unwrap();
        table.remove(old).unwrap().unwrap();
        table.insert(row.0.as_slice(), row.1.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

macro_rules! tables {
    ($($name:literal: $key:ty => $value:ty;)*) => {
        /// The rows of a table; `None` where this list has no such table.
        pub(super) fn rows_of(database: &Database, name: &str) -> Option<Vec<Row>> {
            match name {
                $($name => Some(rows::<$key, $value>(database, name)),)*
                _ if name.starts_with("lead/") => Some(rows::<(u32, u64, u32), &[u8]>(database, name)),
                _ if name.starts_with("done/") => Some(rows::<(u32, u64, u64), &[u8]>(database, name)),
                _ => None,
            }
        }

        /// Puts a row in the place of the one under a key.
        pub(super) fn put(database: &Database, name: &str, old: &[u8], row: &Row) {
            match name {
                $($name => replace::<$key, $value>(database, name, old, row),)*
                _ if name.starts_with("lead/") => replace::<(u32, u64, u32), &[u8]>(database, name, old, row),
                _ => replace::<(u32, u64, u64), &[u8]>(database, name, old, row),
            }
        }
    };
}

tables! {
    "meta": &str => u64;
    "account": u32 => &[u8];
    "account_terms": u32 => &[u8];
    "key": (u32, u64) => &[u8];
    "key_use": (u32, u64) => i64;
    "audit": (u32, u64) => &[u8];
    "stored": (u32, u32) => u64;
    "api_key": &[u8; 32] => u32;
    "site": (u32, &str) => (u32, bool);
    "site_revision": (u32, &str, u32) => &[u8];
    "webhook": (u32, u64) => &[u8];
    "webhook_revision": (u32, u64, u32) => &[u8];
    "event_id": (u32, &str, &str) => (u64, u32);
    "lead_id": (u32, &str, &str, &str) => u64;
    "trace": (u32, u128, u8, i64, u64) => ();
    "open": (u32, u64, u64) => &[u8];
    "due": (u32, u64, i64, u64) => (u64, bool);
    "waiting": (u32, u64, u64, u64) => ();
    "lane": (u32, u64, u64) => &[u8];
    "quarantine": (u32, u64, u64) => &[u8];
    "plugin": (u32, &str) => &[u8];
    "plugin_version": (u32, &str, &str) => &[u8];
    "plugin_piece": (u32, &str, u32) => &[u8];
    "notification": (u32, u64) => &[u8];
    "operations": u32 => &[u8];
    "operations_place": u32 => &[u8];
    "failing": (u32, u64) => i64;
    "resend": (u32, u64) => &[u8];
    "resend_running": (u32, u64) => u64;
    "resending": (u32, u64, u64) => (u64, u64);
    "resend_erased": (u32, u64) => u64;
    "erasure": (u32, u64) => &[u8];
    "erasure_running": (u32, u64) => ();
    "erased": (u32, u64) => u64;
    "secret": (u32, &str) => &[u8];
    "relay": (u32, &[u8; 32]) => &[u8];
    "recording_key": (u32, u32) => &[u8];
    "state": (u32, u64, &str, &str) => &[u8];
    "state_end": (u32, u64, u64, &str, &str) => ();
    "state_left": (u32, u64) => ();
}

/// The names of the tables that a folder has.
pub(super) fn names(database: &Database) -> Vec<String> {
    let txn = database.begin_read().unwrap();
    txn.list_tables().unwrap().map(|table| table.name().to_owned()).collect()
}

/// The database of a folder that nobody has open.
pub(super) fn open(dir: &Path) -> Database {
    Database::open(dir.join(leadhook_store::redb::FILE_NAME)).unwrap()
}

/// Puts a row into a table of deliveries as if one had been set aside.
pub(super) fn fill(database: &Database, name: &str) {
    let table: TableDefinition<'_, (u32, u64, u64), &[u8]> = TableDefinition::new(name);
    let txn = database.begin_write().unwrap();
    txn.open_table(table).unwrap().insert((1, 7, 1), b"nobody can read this".as_slice()).unwrap();
    txn.commit().unwrap();
}
