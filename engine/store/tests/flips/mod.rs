//! Bits of rows of every table are flipped, in keys and in values: somebody is told or nothing changes, and nothing altered is
//! sent.

mod folder;
mod raw;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use leadhook_core::{
    account::key::KeyId,
    event::Event,
    id::{DeliveryId, WebhookId},
    time::Timestamp,
};
use leadhook_store::{
    Accounts as _, Erasures as _, Follow as _, Measured as _, OperationsWebhooks as _, RecordingKeys as _,
    Resends as _, RoundPlace, Store as _, StoreError, Upkeep as _, Want,
    query::{DeliveryQuery, LeadQuery},
    redb::{FILE_NAME, Options, RedbStore, verify},
};

use self::folder::{FIRST_KEY, OWING, RESENT};
use crate::conformance::world::{ACCOUNT, ended, minute, reference};

/// How many rows of a table are flipped, and how many bits of the key and of the value of each.
const ROWS: usize = 3;
const BITS: usize = 3;

/// Tables of which a flip can change an answer without anybody being told, and why.
const UNTOLD: [(&str, &str); 12] = [
    ("meta", "a last serial that is a little later than it was is as good"),
    ("key_use", "a time that people are shown"),
    ("stored", "about how much is stored; it may be said to be less"),
    ("failing", "since when a webhook fails; that it is switched off is told"),
    ("quarantine", "nothing is done with what cannot be read"),
    ("resend_erased", "a count that people are shown; it may be said to be less"),
    ("erased", "by which erasure a lead was erased"),
    ("notification", "the order in which people are shown them"),
    ("audit", "the order in which people are shown it"),
    ("api_key", "a key that opens nothing is refused, which whoever has it is told"),
    ("relay", "a token that opens nothing is refused, which whoever has it is told"),
    ("secret", "a secret that is missing is told by what asks for it"),
];

/// Tables that are not asked about alone: what they say is held against what it is about.
const NEVER_LEFT_TO_VERIFY: [&str; 4] = ["due", "waiting", "resend_running", "erasure_running"];

/// What came of looking at a folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looked {
    /// Whether the engine said that something is damaged, or refused to start.
    is_told: bool,
    /// What would be sent, by delivery.
    sent: BTreeMap<DeliveryId, String>,
    /// What else it answers.
    answers: Vec<String>,
}

impl Looked {
    fn note(&mut self, answer: Result<impl Debug, StoreError>) {
        match answer {
            Ok(value) => self.answers.push(format!("{value:?}")),
            Err(_) => self.is_told = true,
        }
    }
}

/// Opens the store of a folder and asks it for everything.
fn looked_at(dir: &Path) -> Looked {
    let mut looked = Looked::default();
    let Ok(store) = RedbStore::open(dir, Options { cache_bytes: 1 << 20 }) else {
        return Looked { is_told: true, ..looked };
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        ask_for_settings(&store, &mut looked).await;
        ask_for_leads(&store, &mut looked).await;
        send(&store, &mut looked, minute(5)).await;
        send(&store, &mut looked, minute(60)).await;
        let mut place = Some(RoundPlace::default());
        while let Some(from) = place {
            place = store.step_round(from).await.map(|step| step.next).unwrap_or_default();
        }
        send(&store, &mut looked, minute(60)).await;
        // A repeated event is answered as the first one was.
        for number in [2, 20, 23] {
            let event = Event::parse(&ended(number)).unwrap();
            let answers = store.accept(ACCOUNT, vec![event], minute(60)).await;
            looked.note(answers.map(|answers| answers[0].clone().map(|receipt| receipt.deliveries)));
        }
        let quarantined = store.measures(minute(60)).await.unwrap().quarantined;
        looked.is_told |= quarantined > 1;
        store.close().await;
    });
    looked
}

async fn ask_for_settings(store: &RedbStore, looked: &mut Looked) {
    for id in store.known_accounts(9, None).await.unwrap().into_iter().map(|known| known.id) {
        looked.note(store.known_account(id).await);
        looked.note(store.account(id).await);
        looked.note(store.keys(id).await);
        looked.note(store.audit(id, 100, None).await);
        looked.note(store.recording_keys(id).await);
        looked.note(store.operations_webhook(id).await);
        looked.note(store.notifications(id, 100, None).await);
        looked.note(store.stored_bytes(id).await);
        looked.note(store.sites(id).await);
        looked.note(store.webhooks(id).await);
        looked.note(store.plugins(id).await);
    }
    looked.note(store.account_of_key(FIRST_KEY).await);
    looked.note(store.key(KeyId(70)).await);
    looked.note(store.relay_of_token([5; 32]).await.map(|relay| relay.map(|relay| relay.id())));
    looked.note(store.granted(ACCOUNT, &["crm".to_owned()]).await);
    looked.note(store.plugin(ACCOUNT, "crm", None).await);
    for webhook in [OWING, RESENT, WebhookId(8)] {
        looked.note(store.revisions(ACCOUNT, webhook).await);
        for key in ["seen", "count"] {
            looked.note(store.plugin_state(ACCOUNT, webhook, "dedupe", key).await);
        }
    }
}

async fn ask_for_leads(store: &RedbStore, looked: &mut Looked) {
    for number in [1, 2, 3, 4, 20, 21, 22, 23, 30, 31] {
        let lead = store.lead(ACCOUNT, &reference(&format!("c{number}"))).await;
        if let Ok(Some((lead, _))) = &lead {
            looked.note(store.erased(ACCOUNT, lead.serial).await);
        }
        looked.note(lead);
    }
    looked.note(store.leads(ACCOUNT, LeadQuery { limit: 100, ..LeadQuery::default() }).await);
    looked.note(store.resends(ACCOUNT, 100, None).await);
    looked.note(store.running_resends().await);
    looked.note(store.erasures(ACCOUNT, 100, None).await);
    looked.note(store.running_erasures().await);
    let query = DeliveryQuery { limit: 500, ..DeliveryQuery::default() };
    let page = store.deliveries(ACCOUNT, query).await;
    for shown in page.as_ref().map(|page| page.rows.clone()).unwrap_or_default() {
        looked.note(store.delivery(ACCOUNT, shown.delivery.id).await);
    }
    looked.note(page);
}

/// Notes what is to be sent until then.
async fn send(store: &RedbStore, looked: &mut Looked, now: Timestamp) {
    for webhook in [OWING, RESENT] {
        for _ in 0..12 {
            let want = Want { account: ACCOUNT, webhook, most: 1 };
            let Ok(claims) = store.claim(vec![want], now, Timestamp(i64::MAX)).await else {
                looked.is_told = true;
                break;
            };
            for one in claims.into_iter().flat_map(|claims| claims.claimed) {
                let by = (&one.webhook.settings.source, &one.site);
                assert!(one.delivery.state.due().is_some_and(|due| due <= now), "before it is due");
                looked.sent.insert(one.delivery.id, format!("{:?} {:?} {by:?}", one.delivery, one.lead));
                let ended = crate::conformance::world::attempted(
                    &one,
                    leadhook_core::delivery::State::Delivered { at: now },
                    200,
                    now,
                );
                let settlement = leadhook_store::Settlement {
                    lease: one.lease,
                    delivery: ended.into(),
                    state: Vec::new(),
                };
                looked.note(store.settle(vec![settlement], now).await.map(|settled| settled.len()));
            }
        }
    }
}

/// A folder that holds the same.
fn copy(dir: &Path) -> tempfile::TempDir {
    // Hundreds of them: in memory, where there is such a place.
    let memory = Path::new("/dev/shm");
    let copy = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    std::fs::copy(dir.join(FILE_NAME), copy.path().join(FILE_NAME)).unwrap();
    copy
}

/// A row with one bit of its key or its value flipped; `None` where it has none to flip.
fn flipped(row: &raw::Row, is_key: bool, turn: usize) -> Option<raw::Row> {
    let mut flipped = row.clone();
    let bytes = if is_key { &mut flipped.0 } else { &mut flipped.1 };
    // Spread over all of it up to its last byte, and another bit of a byte each time.
    let place = (bytes.len() * (turn + 1) / BITS).checked_sub(1)?;
    *bytes.get_mut(place)? ^= 1 << ((turn * 3 + place) % 8);
    Some(flipped)
}

#[derive(Debug, Default)]
struct Tally {
    by_engine: u32,
    by_verify: u32,
    /// It made no difference, or was put right.
    changed_nothing: u32,
    untold: u32,
    bad: Vec<String>,
}

/// Flips bits of a table, one at a time.
fn flip(dir: &Path, clean: &Looked, name: &str, rows: &[raw::Row]) -> Tally {
    let mut tally = Tally::default();
    let step = rows.len().div_ceil(ROWS).max(1);
    for (place, row) in rows.iter().enumerate().step_by(step) {
        for (is_key, turn) in
            [true, false].into_iter().flat_map(|is_key| (0..BITS).map(move |turn| (is_key, turn)))
        {
            let Some(damaged) = flipped(row, is_key, turn) else { continue };
            let copy = copy(dir);
            raw::put(&raw::open(copy.path()), name, &row.0, &damaged);
            let is_verified = verify(copy.path(), None, |_| {}).map_or(true, |verified| verified.flaws > 0);
            let what = format!("{name}, row {place}, {} {turn}", if is_key { "key" } else { "value" });
            let Ok(looked) = catch_unwind(AssertUnwindSafe(|| looked_at(copy.path()))) else {
                tally.bad.push(format!("{what}: a panic"));
                continue;
            };
            // Nothing but its row says that a lead has a newer version: only verifying finds that under another key.
            let is_left = is_key && name.starts_with("lead/") && is_verified;
            if !is_left && looked.sent.iter().any(|(id, sent)| clean.sent.get(id) != Some(sent)) {
                tally.bad.push(format!("{what}: something altered is sent"));
            }
            match () {
                () if looked.is_told => tally.by_engine += 1,
                () if looked == *clean => tally.changed_nothing += 1,
                () if is_verified && !NEVER_LEFT_TO_VERIFY.contains(&name) => tally.by_verify += 1,
                () if UNTOLD.iter().any(|(table, _)| *table == name) => tally.untold += 1,
                () => tally.bad.push(format!("{what}: nobody is told")),
            }
        }
    }
    tally
}

#[test]
fn a_flipped_bit_of_any_table_is_told_or_changes_nothing_and_nothing_altered_is_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let dir = runtime.block_on(folder::filled());
    let database = raw::open(dir.path());
    raw::fill(&database, "quarantine");
    let mut tables = Vec::new();
    for name in raw::names(&database) {
        let rows = raw::rows_of(&database, &name).unwrap_or_else(|| panic!("no flips of {name} are tried"));
        assert!(!rows.is_empty(), "{name} is empty: there is nothing to flip");
        tables.push((name, rows));
    }
    drop(database);
    assert_eq!(verify(copy(dir.path()).path(), None, |_| {}).unwrap().told, [], "it is sound");
    let clean = looked_at(copy(dir.path()).path());
    assert!(!clean.is_told && clean.sent.len() >= 10, "{clean:#?}");
    let (mut flips, mut bad) = (0, Vec::new());
    for (name, rows) in &tables {
        let tally = flip(dir.path(), &clean, name, rows);
        println!(
            "{name}: told by the engine {}, by verifying {}, no difference {}, untold {}",
            tally.by_engine, tally.by_verify, tally.changed_nothing, tally.untold
        );
        flips += tally.by_engine + tally.by_verify + tally.changed_nothing + tally.untold;
        bad.extend(tally.bad);
    }
    println!("{flips} bits of {} tables were flipped", tables.len());
    assert!(bad.is_empty(), "{bad:#?}");
}
