//! Reading what a rendering was made from.

use leadhook_core::{
    delivery::Rendering,
    id::{AccountId, DeliveryId, SiteId, WebhookId},
    lead::Lead,
    site::Site,
    time::Serial,
    webhook::Settings,
};

use super::{
    setup::{self, RevisionRow},
    table,
    view::{self, View},
};
use crate::{RenderedFrom, Result, StoreError};

/// Lead, site and settings of a rendering.
pub(super) fn rendered_from(
    view: &View,
    account: AccountId,
    delivery: DeliveryId,
    site: &SiteId,
    rendering: &Rendering,
) -> Result<RenderedFrom> {
    Ok(RenderedFrom {
        lead: lead(view, account, delivery.lane.lead, rendering.lead_version)?,
        site: site_at(view, account, site, rendering.site_revision)?,
        settings: settings(view, account, delivery.lane.webhook, rendering.revision)?,
    })
}

fn lead(view: &View, account: AccountId, serial: Serial, version: u32) -> Result<Option<Lead>> {
    let Some(versions) = view.day(&table::LEAD, serial.day())? else { return Ok(None) };
    view::lead_at(&versions, account, serial, version)
}

fn site_at(view: &View, account: AccountId, id: &SiteId, revision: u32) -> Result<Option<Site>> {
    let row = view.table(table::SITE_REVISION)?.get((account.0, id.as_str(), revision))?;
    row.map(|row| setup::read_site(row.value(), id.clone(), revision)).transpose()
}

fn settings(view: &View, account: AccountId, id: WebhookId, number: u32) -> Result<Option<Settings>> {
    let Some(row) = view.table(table::WEBHOOK_REVISION)?.get((account.0, id.0, number))? else {
        return Ok(None);
    };
    let revision = RevisionRow::read(&view.sealer, row.value(), (account, id, number))?;
    let damaged = |_| StoreError::Damaged { what: format!("revision {number} of webhook {id}") };
    Settings::restore(&revision.settings).map(Some).map_err(damaged)
}
