//! One bit of a row is flipped, row by row through every table of rows: it is noticed, and nothing altered is sent.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests end by panicking")]

mod session;

use std::collections::BTreeMap;

use leadhook_core::{id::DeliveryId, time::Timestamp};
use leadhook_sim::{dice::mixed, disk::Disk};
use leadhook_store::{
    Claimed, Measured as _, Store, StoreError, Want,
    query::DeliveryQuery,
    redb::{Options, RedbStore},
};
use redb::{Database, Key, ReadableTable as _, TableDefinition};
use session::{ACCOUNT, START, Session, WEBHOOK, make, on, reference};

/// How many bits of each row are flipped, one at a time.
const BITS_PER_ROW: u64 = 6;

fn raw(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.handle()).unwrap()
}

fn opened(disk: &Disk) -> Result<RedbStore, StoreError> {
    let disk = disk.clone();
    RedbStore::open_on(move || Ok(disk.handle()), Options::default())
}

/// A disk on which a session has left deliveries that ended and some that are open.
fn folder() -> Disk {
    let disk = Disk::new(1);
    disk.begin_life();
    make(&disk);
    let mut session = Session::default();
    assert!(session.go_on(&disk));
    assert_eq!(session.lost(&disk), None);
    let store = opened(&disk).unwrap();
    on(async {
        Session::leave_open(&store).await.unwrap();
        store.close().await;
    });
    disk
}

/// What an engine would send, by delivery: all that rendering takes.
type Sent = BTreeMap<DeliveryId, String>;

/// What a store on the disk gives to be sent, and whether anything said that a row is damaged.
fn looked_at(disk: &Disk, ids: &[DeliveryId]) -> (Sent, bool) {
    let store = match opened(disk) {
        Ok(store) => store,
        Err(StoreError::Damaged { .. }) => return (Sent::new(), true),
        Err(error) => panic!("{error}"),
    };
    on(async {
        let mut is_told = false;
        let mut tell =
            |error: Option<StoreError>| is_told |= matches!(error, Some(StoreError::Damaged { .. }));
        tell(store.account(ACCOUNT).await.err());
        tell(store.revisions(ACCOUNT, WEBHOOK).await.err());
        for number in 0..5 {
            tell(store.lead(ACCOUNT, &reference(number)).await.err());
        }
        for id in ids {
            tell(store.delivery(ACCOUNT, *id).await.err());
        }
        let mut sent = Sent::new();
        let now = START.plus_ms(86_400_000);
        for _ in 0..6 {
            let want = Want { account: ACCOUNT, webhook: WEBHOOK, most: 50 };
            let claims = store.claim(vec![want], now, Timestamp(i64::MAX)).await.unwrap();
            for claimed in claims.into_iter().flat_map(|claims| claims.claimed) {
                sent.insert(claimed.delivery.id, told(&claimed));
            }
        }
        is_told |= store.measures(now).await.unwrap().quarantined > 0;
        store.close().await;
        (sent, is_told)
    })
}

fn told(claimed: &Claimed) -> String {
    let (webhook, site) = (&claimed.webhook.settings.source, &claimed.site);
    format!("{:?} {:?} {webhook} {site:?}", claimed.delivery, claimed.lead)
}

/// Flips bits of every row of a table, one at a time: how many, and which of them nobody noticed or sent altered.
fn flipped<K: Key + 'static>(
    disk: &Disk,
    name: &str,
    ids: &[DeliveryId],
    clean: &Sent,
) -> (u64, Vec<String>) {
    let table: TableDefinition<'_, K, &[u8]> = TableDefinition::new(name);
    let rows: Vec<(Vec<u8>, Vec<u8>)> = {
        let database = raw(&disk.copy());
        let txn = database.begin_write().unwrap();
        let table = txn.open_table(table).unwrap();
        let rows = table.iter().unwrap().map(|row| {
            let (key, value) = row.unwrap();
            (K::as_bytes(&key.value()).as_ref().to_vec(), value.value().to_vec())
        });
        rows.collect()
    };
    let (mut flips, mut bad) = (0, Vec::new());
    for (place, (key, value)) in rows.iter().enumerate() {
        for turn in 0..BITS_PER_ROW {
            let bit = mixed(place as u64 ^ mixed(turn)) as usize % (value.len() * 8);
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let copy = disk.copy();
            let database = raw(&copy);
            let txn = database.begin_write().unwrap();
            txn.open_table(table).unwrap().insert(K::from_bytes(key), damaged.as_slice()).unwrap();
            txn.commit().unwrap();
            drop(database);
            flips += 1;
            let (sent, is_told) = looked_at(&copy, ids);
            if !is_told {
                bad.push(format!("row {place} of {name}, bit {bit}: nobody noticed"));
            }
            if sent.iter().any(|(id, told)| clean.get(id) != Some(told)) {
                bad.push(format!("row {place} of {name}, bit {bit}: something altered is sent"));
            }
        }
    }
    (flips, bad)
}

#[test]
fn a_flipped_bit_of_any_row_is_noticed_and_nothing_altered_is_sent() {
    let disk = folder();
    let store = opened(&disk.copy()).unwrap();
    let ids: Vec<DeliveryId> = on(async {
        let query = DeliveryQuery { limit: 500, ..DeliveryQuery::default() };
        let page = store.deliveries(ACCOUNT, query).await.unwrap();
        store.close().await;
        page.rows.into_iter().map(|shown| shown.delivery.id).collect()
    });
    let (clean, is_told) = looked_at(&disk.copy(), &ids);
    assert!(!is_told && clean.len() >= 4, "{} are sent of a whole folder", clean.len());
    let day = START.0 / 86_400_000;
    let tables = [
        flipped::<u32>(&disk, "account", &ids, &clean),
        flipped::<(u32, &str, u32)>(&disk, "site_revision", &ids, &clean),
        flipped::<(u32, u64)>(&disk, "webhook", &ids, &clean),
        flipped::<(u32, u64, u32)>(&disk, "webhook_revision", &ids, &clean),
        flipped::<(u32, u64, u64)>(&disk, "open", &ids, &clean),
        flipped::<(u32, u64, u32)>(&disk, &format!("lead/{day}"), &ids, &clean),
        flipped::<(u32, u64, u64)>(&disk, &format!("done/{day}"), &ids, &clean),
    ];
    let flips: u64 = tables.iter().map(|(flips, _)| flips).sum();
    let bad: Vec<_> = tables.into_iter().flat_map(|(_, bad)| bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(flips > 200, "{flips} bits were flipped");
    println!("{flips} bits were flipped");
}
