//! Looking for the leads of a client that is erased: through all leads of the account, the newest first.
//!
//! Traces would tell most of them at once, but not a lead whose phone was changed since.

use leadhook_core::{
    erasure::{Erasure, Phase},
    id::{AccountId, ErasureId},
    time::{DAY_MS, Serial, Timestamp},
};

use super::super::{
    shared::Shared,
    table,
    view::{self, View, listed},
};
use crate::Result;

/// How many versions of leads one step looks at, but for those of the last lead, which it looks at together.
const LOOKED_AT_MAX: usize = 2_000;
/// The most leads that one step erases.
const FOUND_MAX: usize = 32;

/// The next leads of the client.
pub(super) struct Found {
    /// The place down from which they were looked for.
    pub(super) from: Serial,
    /// The place down to which.
    pub(super) to: Serial,
    /// The leads, the newest first.
    pub(super) leads: Vec<Serial>,
}

/// Looks for what the next step of an erasure is to do; `None` where it has ended.
pub(super) fn look(
    shared: &Shared,
    account: AccountId,
    id: ErasureId,
    key: &[u8; 32],
) -> Result<Option<Found>> {
    shared.read(|view| {
        let row = view.table(table::ERASURE)?.get((account.0, id.0.0))?;
        let erasure = row.map(|row| super::decode(row.value(), id)).transpose()?;
        let running = erasure.filter(|erasure| erasure.phase == Phase::Running);
        running.map(|erasure| find(view, account, &erasure, key)).transpose()
    })
}

fn find(view: &View, account: AccountId, erasure: &Erasure, key: &[u8; 32]) -> Result<Found> {
    let (from, mut looked_at) = (erasure.place, 0);
    let (mut leads, mut before) = (Vec::new(), None);
    for day in view.days(&table::LEAD)? {
        if Serial::at(Timestamp(i64::from(day) * DAY_MS)) >= from {
            continue;
        }
        let Some(versions) = view.day(&table::LEAD, day)? else { continue };
        for entry in versions.range((account.0, 0, 0)..(account.0, from.0, 0))?.rev() {
            let (at, value) = entry?;
            let (_, serial, version) = at.value();
            let serial = Serial(serial);
            if let Some(before) = before.replace(serial)
                && before != serial
                && (looked_at >= LOOKED_AT_MAX || leads.len() >= FOUND_MAX)
            {
                return Ok(Found { from, to: before, leads });
            }
            looked_at += 1;
            let lead = listed(view::decode_lead(value.value(), serial, version))?;
            if leads.last() != Some(&serial) && lead.is_some_and(|lead| erasure.is_about(&lead, key)) {
                leads.push(serial);
            }
        }
    }
    Ok(Found { from, to: Serial(0), leads })
}
