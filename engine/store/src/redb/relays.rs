//! Relays by the digests of their tokens: read from memory, since each webhook that comes in is asked about.

use std::sync::Arc;

use leadhook_core::{
    audit::{Action, Deed},
    id::{AccountId, SiteId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{row, tx::Tx};
use crate::{KeyDigest, Relay, Result};

/// A relay, as it stands in its row.
#[derive(Serialize, Deserialize)]
struct RelayRow {
    site: SiteId,
    made_at: Timestamp,
}

/// Stores a relay of a site that is not deleted. Whether there is such a site.
pub(super) fn put(tx: &mut Tx<'_>, relay: &Relay) -> Result<bool> {
    if tx.setup.live_site(relay.account, &relay.site).is_none() {
        return Ok(false);
    }
    let row = RelayRow { site: relay.site.clone(), made_at: relay.made_at };
    tx.relay.insert((relay.account.0, &relay.digest), row::encode(&row).as_slice())?;
    Arc::make_mut(&mut tx.setup).put_relay(relay.clone());
    tx.note(relay.account, &deed(Action::RelayMade, relay))?;
    Ok(true)
}

/// Whether there was one.
pub(super) fn delete(tx: &mut Tx<'_>, account: AccountId, digest: &KeyDigest) -> Result<bool> {
    if tx.relay.remove((account.0, digest))?.is_none() {
        return Ok(false);
    }
    if let Some(relay) = tx.setup.relay(digest).cloned() {
        tx.note(account, &deed(Action::RelayRevoked, &relay))?;
    }
    Arc::make_mut(&mut tx.setup).remove_relay(digest);
    Ok(true)
}

fn deed(action: Action, relay: &Relay) -> Deed {
    Deed::new(action, &format!("{} of site {}", relay.id(), relay.site))
}

/// Deletes all relays of a site.
pub(super) fn delete_all(tx: &mut Tx<'_>, account: AccountId, site: &SiteId) -> Result<()> {
    for relay in tx.setup.relays(account, site) {
        delete(tx, account, &relay.digest)?;
    }
    Ok(())
}

/// The relay of a row.
pub(super) fn read(account: AccountId, digest: &KeyDigest, row: &[u8]) -> Result<Relay> {
    let RelayRow { site, made_at } = row::decode(row, || format!("relay of account {}", account.0))?;
    Ok(Relay { account, site, digest: *digest, made_at })
}
