//! Deliveries: open ones against what is due, their lanes and their resends; ended ones against the open ones.

use std::collections::HashMap;

use ::redb::ReadableTable as _;
use leadhook_core::{
    delivery::Delivery,
    id::{AccountId, DeliveryId, Lane, WebhookId},
    resend::{Phase, Resend},
    time::Serial,
};

use super::Verified;
use crate::{
    Result,
    redb::{
        claim,
        lane::{self, LaneRules},
        resend, row,
        setup::Setup,
        table::{self, DeliveryKey},
        view::{self, DayTables, View},
    },
};

pub(super) fn verify(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    open(view, setup, verified)?;
    due(view, verified)?;
    waiting(view, verified)?;
    resends(view, verified)?;
    done(view, setup, verified)
}

fn decode(row: &[u8], key: DeliveryKey) -> Option<Delivery> {
    // One that cannot be read was told of already.
    view::decode_delivery(row, key).ok()
}

/// An open delivery; `None` where there is none that can be read.
fn open_delivery(view: &View, account: AccountId, id: DeliveryId) -> Result<Option<Delivery>> {
    let key = table::delivery_key(account, id);
    let row = view.table(table::OPEN)?.get(key)?;
    Ok(row.and_then(|row| decode(row.value(), key)).filter(|found| found.id == id))
}

fn open(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    let (due, waiting) = (view.table(table::DUE)?, view.table(table::WAITING)?);
    let resending = view.table(table::RESENDING)?;
    let mut leads = DayTables::new(view, table::LEAD);
    for entry in view.table(table::OPEN)?.range((0, 0, 0)..)? {
        let (key, value) = entry?;
        let (account, key) = (AccountId(key.value().0), key.value());
        let Some(delivery) = decode(value.value(), key) else { continue };
        let (id, Some(due_at)) = (delivery.id, delivery.state.due()) else {
            verified.flaw("open", format!("delivery {} has ended and is still open", delivery.id));
            continue;
        };
        let lead = id.lane.lead;
        let versions = leads.on(lead.day())?;
        let has_lead = versions.map(|table| table.range(table::versions(account, lead))?.next().transpose());
        if has_lead.transpose()?.flatten().is_none() {
            verified.flaw("open", format!("the lead of delivery {id} is missing"));
        }
        let Some(webhook) = setup.webhook(account, id.lane.webhook) else {
            verified.flaw("open", format!("the webhook of delivery {id} is missing"));
            continue;
        };
        let several = LaneRules::of(webhook, lead, delivery.lead.kind).several;
        if several && waiting.get(table::waiting_key(account, id))?.is_none() {
            verified.flaw("waiting", format!("delivery {id} does not stand in its lane"));
        }
        let is_parked = resend::is_parked(setup, &resending, account, id)?;
        let goes_first = !several || lane::head(&waiting, account, id)? == Some(id);
        if goes_first && !is_parked && due.get(table::due_key(account, id, due_at))?.is_none() {
            verified.flaw("due", format!("delivery {id} is owed and will never be due"));
        }
    }
    Ok(())
}

fn due(view: &View, verified: &mut Verified) -> Result<()> {
    for entry in view.table(table::DUE)?.iter()? {
        let (key, value) = entry?;
        let (account, webhook) = (AccountId(key.value().0), WebhookId(key.value().1));
        let owed = claim::due_delivery(webhook, key.value(), value.value());
        if !open_delivery(view, account, owed.id)?.is_some_and(|delivery| owed.is(&delivery)) {
            verified.flaw("due", format!("delivery {} is due, and is not open with that time", owed.id));
        }
    }
    Ok(())
}

fn waiting(view: &View, verified: &mut Verified) -> Result<()> {
    for entry in view.table(table::WAITING)?.iter()? {
        let (account, webhook, lead, serial) = entry?.0.value();
        let lane = Lane { webhook: WebhookId(webhook), lead: Serial(lead) };
        let id = DeliveryId { lane, serial: Serial(serial) };
        if open_delivery(view, AccountId(account), id)?.is_none() {
            verified.flaw("waiting", format!("delivery {id} stands in its lane, and is not open"));
        }
    }
    Ok(())
}

/// Open deliveries of resends are counted against what the resends say; few enough resends are kept to be in memory.
fn resends(view: &View, verified: &mut Verified) -> Result<()> {
    let mut open: HashMap<(u32, u64), u64> = HashMap::new();
    for entry in view.table(table::RESENDING)?.iter()? {
        let (key, value) = entry?;
        let ((account, webhook, serial), (lead, resend)) = (key.value(), value.value());
        *open.entry((account, resend)).or_default() += 1;
        let lane = Lane { webhook: WebhookId(webhook), lead: Serial(lead) };
        let id = DeliveryId { lane, serial: Serial(serial) };
        if open_delivery(view, AccountId(account), id)?.is_none() {
            verified.flaw("resending", format!("delivery {id} is of a resend, and is not open"));
        }
    }
    for entry in view.table(table::RESEND)?.iter()? {
        let (key, value) = entry?;
        let Ok(resend) = row::decode::<Resend>(value.value(), String::new) else { continue };
        if resend.id.0.0 != key.value().1 {
            verified.flaw("resend", format!("resend {} stands under the key of another", resend.id));
        }
        let counted = open.remove(&key.value()).unwrap_or(0);
        // A cancelled one counts no further those that were being sent when it was.
        if resend.phase == Phase::Running && resend.counts.open() != counted {
            let (id, says) = (resend.id, resend.counts.open());
            verified
                .flaw("resend", format!("resend {id} counts {says} open deliveries, there are {counted}"));
        }
        let running = view.table(table::RESEND_RUNNING)?.get((key.value().0, resend.wanted.webhook.0))?;
        let is_noted = running.is_some_and(|running| running.value() == resend.id.0.0);
        if is_noted != (resend.phase == Phase::Running) {
            verified.flaw("resend_running", format!("resend {} is not noted as it stands", resend.id));
        }
    }
    for (_, resend) in open.into_keys() {
        verified.flaw("resending", format!("deliveries are of resend {resend}, which there is not"));
    }
    let resends = view.table(table::RESEND)?;
    for entry in view.table(table::RESEND_RUNNING)?.iter()? {
        let (key, value) = entry?;
        let row = resends.get((key.value().0, value.value()))?;
        let resend = row.and_then(|row| row::decode::<Resend>(row.value(), String::new).ok());
        if resend.is_none_or(|resend| resend.wanted.webhook.0 != key.value().1) {
            verified.flaw("resend_running", format!("resend {} is not of this webhook", value.value()));
        }
    }
    Ok(())
}

fn done(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    let open = view.table(table::OPEN)?;
    for day in view.days(&table::DONE)? {
        let name = table::DONE.name(day);
        let Some(rows) = view.day(&table::DONE, day)? else { continue };
        for entry in rows.iter()? {
            let (key, value) = entry?;
            let read = row::decode::<Delivery>(value.value(), String::new);
            let Ok(delivery) = read else { continue };
            let (id, key) = (delivery.id, key.value());
            let is_of_account = setup.webhook(AccountId(key.0), id.lane.webhook).is_some();
            if !is_of_account || !view::is_under(&delivery, key) || id.serial.day() != day {
                verified.flaw(&name, format!("delivery {id} stands under the key of another"));
            } else if delivery.state.due().is_some() {
                verified.flaw(&name, format!("delivery {id} has not ended"));
            } else if open.get(key)?.is_some() {
                verified.flaw(&name, format!("delivery {id} has ended and is open too"));
            }
        }
    }
    Ok(())
}
