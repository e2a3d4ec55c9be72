//! One write transaction with its tables open, which the commands of a batch share.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ::redb::{Key, ReadableTable as _, Table, WriteTransaction};
use leadhook_core::{
    id::{AccountId, DeliveryId, Lane, WebhookId},
    time::{Serial, Timestamp},
};

use super::{
    happened::Happened,
    kinds::{Flag, Text},
    lease::Leases,
    recent::Fresh,
    seal::Sealer,
    setup::Setup,
    stored::Grown,
    table::{
        self, Daily, DeliveryKey, DueKey, DueValue, EventKey, LeadIdKey, LeadKey, StateEndKey, StateKey,
        TraceKey, VersionKey, WaitingKey,
    },
};
use crate::{Acting, Result};

type Rows<'t, K> = Table<'t, K, &'static [u8]>;

/// The tables, and what the transaction changes in memory when it is committed.
pub(super) struct Tx<'t> {
    pub(super) meta: Table<'t, Text, u64>,
    pub(super) account: Rows<'t, u32>,
    pub(super) account_terms: Rows<'t, u32>,
    pub(super) key: Rows<'t, (u32, u64)>,
    pub(super) key_use: Table<'t, (u32, u64), i64>,
    pub(super) audit: Rows<'t, (u32, u64)>,
    pub(super) stored: Table<'t, (u32, u32), u64>,
    pub(super) api_key: Table<'t, &'static [u8; 32], u32>,
    pub(super) site: Table<'t, (u32, Text), (u32, Flag)>,
    pub(super) site_revision: Rows<'t, (u32, Text, u32)>,
    pub(super) webhook: Rows<'t, (u32, u64)>,
    pub(super) webhook_revision: Rows<'t, (u32, u64, u32)>,
    pub(super) event_id: Table<'t, EventKey, (u64, u32)>,
    pub(super) lead_id: Table<'t, LeadIdKey, u64>,
    pub(super) trace: Table<'t, TraceKey, ()>,
    pub(super) open: Rows<'t, DeliveryKey>,
    pub(super) due: Table<'t, DueKey, DueValue>,
    pub(super) waiting: Table<'t, WaitingKey, ()>,
    pub(super) lane: Rows<'t, (u32, u64, u64)>,
    pub(super) quarantine: Rows<'t, DeliveryKey>,
    pub(super) plugin: Rows<'t, (u32, Text)>,
    pub(super) plugin_version: Rows<'t, VersionKey>,
    pub(super) plugin_piece: Rows<'t, (u32, Text, u32)>,
    pub(super) notification: Rows<'t, (u32, u64)>,
    pub(super) operations: Rows<'t, u32>,
    pub(super) operations_place: Rows<'t, u32>,
    pub(super) failing: Table<'t, (u32, u64), i64>,
    pub(super) resend: Rows<'t, (u32, u64)>,
    pub(super) resend_running: Table<'t, (u32, u64), u64>,
    pub(super) resending: Table<'t, DeliveryKey, (u64, u64)>,
    pub(super) resend_erased: Table<'t, (u32, u64), u64>,
    pub(super) erasure: Rows<'t, (u32, u64)>,
    pub(super) erasure_running: Table<'t, (u32, u64), ()>,
    pub(super) erased: Table<'t, (u32, u64), u64>,
    pub(super) secret: Rows<'t, (u32, Text)>,
    pub(super) relay: Rows<'t, (u32, &'static [u8; 32])>,
    pub(super) recording_key: Rows<'t, (u32, u32)>,
    pub(super) state: Rows<'t, StateKey>,
    pub(super) state_end: Table<'t, StateEndKey, ()>,
    pub(super) state_left: Table<'t, (u32, u64), ()>,
    pub(super) leads: Days<'t, LeadKey>,
    pub(super) done: Days<'t, DeliveryKey>,
    /// What customers set as this transaction leaves them.
    pub(super) setup: Arc<Setup>,
    /// The last serial given out.
    pub(super) last: Serial,
    pub(super) leases: &'t Leases,
    /// What rows with secrets go through.
    pub(super) sealer: Arc<Sealer>,
    /// Leads in the versions that this transaction made, for the claims after the commit.
    pub(super) fresh: Vec<Fresh>,
    pub(super) happened: Happened,
    /// What the accounts have stored more than before.
    pub(super) grown: Grown,
    /// Who asked for the command that is carried out; nobody where it is the engine's own.
    pub(super) acting: Option<Arc<Acting>>,
    asked: BTreeSet<(AccountId, WebhookId)>,
    now: Timestamp,
}

/// What a transaction leaves behind in memory, and answers that are only known at its end.
pub(super) struct Committed {
    pub(super) setup: Arc<Setup>,
    pub(super) last: Serial,
    pub(super) fresh: Vec<Fresh>,
    pub(super) happened: Happened,
    next_due: HashMap<(AccountId, WebhookId), Timestamp>,
}

impl Committed {
    /// When the webhook's next delivery that nobody holds falls due; only for those asked about in the transaction.
    pub(super) fn next_due(&self, account: AccountId, webhook: WebhookId) -> Option<Timestamp> {
        self.next_due.get(&(account, webhook)).copied()
    }

    /// Since when the webhook has done nothing but fail; only where it failed in the transaction.
    pub(super) fn failing_since(&self, account: AccountId, webhook: WebhookId) -> Option<Timestamp> {
        self.happened.failing_since.get(&(account, webhook)).copied()
    }
}

impl<'t> Tx<'t> {
    /// Opens every table, making those that do not exist yet.
    pub(super) fn open(
        txn: &'t WriteTransaction,
        setup: Arc<Setup>,
        last: Serial,
        leases: &'t Leases,
        sealer: Arc<Sealer>,
    ) -> Result<Self> {
        Ok(Self {
            meta: txn.open_table(table::META)?,
            account: txn.open_table(table::ACCOUNT)?,
            account_terms: txn.open_table(table::ACCOUNT_TERMS)?,
            key: txn.open_table(table::KEY)?,
            key_use: txn.open_table(table::KEY_USE)?,
            audit: txn.open_table(table::AUDIT)?,
            stored: txn.open_table(table::STORED)?,
            api_key: txn.open_table(table::API_KEY)?,
            site: txn.open_table(table::SITE)?,
            site_revision: txn.open_table(table::SITE_REVISION)?,
            webhook: txn.open_table(table::WEBHOOK)?,
            webhook_revision: txn.open_table(table::WEBHOOK_REVISION)?,
            event_id: txn.open_table(table::EVENT_ID)?,
            lead_id: txn.open_table(table::LEAD_ID)?,
            trace: txn.open_table(table::TRACE)?,
            open: txn.open_table(table::OPEN)?,
            due: txn.open_table(table::DUE)?,
            waiting: txn.open_table(table::WAITING)?,
            lane: txn.open_table(table::LANE)?,
            quarantine: txn.open_table(table::QUARANTINE)?,
            plugin: txn.open_table(table::PLUGIN)?,
            plugin_version: txn.open_table(table::PLUGIN_VERSION)?,
            plugin_piece: txn.open_table(table::PLUGIN_PIECE)?,
            notification: txn.open_table(table::NOTIFICATION)?,
            operations: txn.open_table(table::OPERATIONS)?,
            operations_place: txn.open_table(table::OPERATIONS_PLACE)?,
            failing: txn.open_table(table::FAILING)?,
            resend: txn.open_table(table::RESEND)?,
            resend_running: txn.open_table(table::RESEND_RUNNING)?,
            resending: txn.open_table(table::RESENDING)?,
            resend_erased: txn.open_table(table::RESEND_ERASED)?,
            erasure: txn.open_table(table::ERASURE)?,
            erasure_running: txn.open_table(table::ERASURE_RUNNING)?,
            erased: txn.open_table(table::ERASED)?,
            secret: txn.open_table(table::SECRET)?,
            relay: txn.open_table(table::RELAY)?,
            recording_key: txn.open_table(table::RECORDING_KEY)?,
            state: txn.open_table(table::STATE)?,
            state_end: txn.open_table(table::STATE_END)?,
            state_left: txn.open_table(table::STATE_LEFT)?,
            leads: Days { txn, daily: table::LEAD, open: HashMap::new() },
            done: Days { txn, daily: table::DONE, open: HashMap::new() },
            setup,
            last,
            leases,
            sealer,
            fresh: Vec::new(),
            happened: Happened::default(),
            grown: Grown::new(),
            acting: None,
            asked: BTreeSet::new(),
            now: Timestamp(i64::MIN),
        })
    }

    /// The next serial at `now`.
    pub(super) fn next_serial(&mut self, now: Timestamp) -> Serial {
        self.last = self.last.next(now);
        self.last
    }

    /// About what time it is, where nobody says: when something was last given a number, or a due time asked for.
    pub(super) fn time(&self) -> Timestamp {
        self.now.max(self.last.time())
    }

    /// Asks for the webhook's next due time as it is when the transaction ends.
    pub(super) fn ask_next_due(&mut self, account: AccountId, webhook: WebhookId, now: Timestamp) {
        self.asked.insert((account, webhook));
        self.now = self.now.max(now);
    }

    /// Writes what is kept once per transaction, and answers what was asked.
    pub(super) fn finish(mut self) -> Result<Committed> {
        self.meta.insert(table::META_SERIAL, self.last.0)?;
        self.write_stored()?;
        let leases = self.leases.lock();
        let mut next_due = HashMap::with_capacity(self.asked.len());
        for (account, webhook) in &self.asked {
            // At most as many rows are passed over as there are leases.
            for entry in self.due.range(table::due_from(*account, *webhook, Timestamp(i64::MIN)))? {
                let (key, value) = entry?;
                let ((_, _, due, serial), (lead, _)) = (key.value(), value.value());
                let lane = Lane { webhook: *webhook, lead: Serial(lead) };
                let id = DeliveryId { lane, serial: Serial(serial) };
                // What this transaction settled is still held here, and free again once it is committed.
                if !leases.is_held_beyond_change(*account, id, self.now) {
                    next_due.insert((*account, *webhook), Timestamp(due));
                    break;
                }
            }
        }
        drop(leases);
        Ok(Committed {
            setup: self.setup,
            last: self.last,
            fresh: self.fresh,
            happened: self.happened,
            next_due,
        })
    }
}

/// The tables of days, opened once each in a transaction.
pub(super) struct Days<'t, K: Key + 'static> {
    txn: &'t WriteTransaction,
    daily: Daily<K>,
    open: HashMap<u32, Rows<'t, K>>,
}

impl<'t, K: Key + 'static> Days<'t, K> {
    /// The table of a day; it is made when it does not exist yet.
    pub(super) fn on(&mut self, day: u32) -> Result<&mut Rows<'t, K>> {
        match self.open.entry(day) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(slot) => {
                let table = self.txn.open_table(table::daily::<K>(&self.daily.name(day)))?;
                Ok(slot.insert(table))
            }
        }
    }

    /// Deletes the table of a day.
    pub(super) fn delete(&mut self, day: u32) -> Result<()> {
        // A table that is open cannot be deleted.
        self.open.remove(&day);
        self.txn.delete_table(table::daily::<K>(&self.daily.name(day)))?;
        Ok(())
    }
}
