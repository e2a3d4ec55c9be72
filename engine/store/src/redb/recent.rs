//! Leads that were just accepted, kept decoded for the claims that follow at once: most deliveries are due immediately.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use leadhook_core::{id::AccountId, lead::Lead, time::Serial};

/// The most bytes that the rows of the leads kept may have together.
const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

type Key = (AccountId, Serial);

/// Committed leads in their newest versions, the oldest given up first. Whoever asks for one that is not here
/// reads its row.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    leads: HashMap<Key, (Arc<Lead>, usize)>,
    order: VecDeque<Key>,
    row_bytes: usize,
}

/// A lead as a transaction leaves it, and the size of its row.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) account: AccountId,
    pub(super) lead: Arc<Lead>,
    pub(super) row_bytes: usize,
}

impl Recent {
    /// Notes what was committed.
    pub(super) fn note(&self, fresh: Vec<Fresh>) {
        // A panic elsewhere leaves at worst a lead less: each is its own entry.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Fresh { account, lead, row_bytes } in fresh {
            let key = (account, lead.serial);
            kept.row_bytes += row_bytes;
            match kept.leads.insert(key, (lead, row_bytes)) {
                Some((_, before)) => kept.row_bytes -= before,
                None => kept.order.push_back(key),
            }
        }
        while kept.row_bytes > ROW_BYTES_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            let gone = kept.leads.remove(&oldest).map_or(0, |(_, row_bytes)| row_bytes);
            kept.row_bytes -= gone;
        }
    }

    /// A lead in its newest version, if it is here.
    pub(super) fn get(&self, account: AccountId, lead: Serial) -> Option<Arc<Lead>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.leads.get(&(account, lead)).map(|(lead, _)| Arc::clone(lead))
    }
}

#[cfg(test)]
mod tests {
    use leadhook_core::{
        id::{LeadRef, SiteId},
        lead::{Decided, Happened, LeadKind, Start},
        time::Timestamp,
    };

    use super::*;

    const ACCOUNT: AccountId = AccountId(1);

    fn fresh(serial: u64, version: u32, row_bytes: usize) -> Fresh {
        let reference =
            LeadRef { site: SiteId::new("1").unwrap(), kind: LeadKind::Call, id: serial.to_string() };
        let lead = Lead {
            reference,
            serial: Serial(serial),
            version,
            newest_event_time: Timestamp(0),
            start: Start { at: Timestamp(0), stated: false },
            happened: Happened::default(),
            facts: Default::default(),
            pool_source: None,
            pool_medium: None,
            visits: Vec::new(),
            decided: Decided::default(),
            extra: Vec::new(),
        };
        Fresh { account: ACCOUNT, lead: Arc::new(lead), row_bytes }
    }

    #[test]
    fn the_newest_version_stands_for_the_lead() {
        let recent = Recent::default();
        recent.note(vec![fresh(7, 1, 10), fresh(7, 2, 10)]);
        assert_eq!(recent.get(ACCOUNT, Serial(7)).unwrap().version, 2);
        assert!(recent.get(AccountId(2), Serial(7)).is_none(), "another account has no such lead");
    }

    #[test]
    fn the_oldest_go_when_the_rows_are_too_many() {
        let recent = Recent::default();
        let third = ROW_BYTES_MAX / 3;
        recent.note((1..=3).map(|serial| fresh(serial, 1, third)).collect());
        recent.note(vec![fresh(1, 2, third), fresh(4, 1, third)]);
        let here: Vec<bool> = (1..=4).map(|serial| recent.get(ACCOUNT, Serial(serial)).is_some()).collect();
        assert_eq!(here, [false, true, true, true]);
        recent.note(vec![fresh(5, 1, ROW_BYTES_MAX + 1)]);
        assert!(recent.get(ACCOUNT, Serial(5)).is_none());
    }
}
