//! Plugins: their versions, which never change, which of them is current, and the bytes in pieces.

use std::sync::Arc;

use ::redb::ReadableTable;
use data_encoding::HEXLOWER;
use leadhook_core::{
    audit::{Action, Deed},
    id::{AccountId, WebhookId},
    plugin::PluginVersion,
    webhook::{Settings, Success},
};
use sha2::{Digest as _, Sha256};

use super::{
    row,
    setup::Setup,
    table::{self, VersionKey},
    tx::Tx,
    view::View,
};
use crate::{KnownPlugin, PluginDeleted, Result, StoreError, Upload};

/// What was uploaded is stored in pieces of this size: with its key, a piece fits in pages of 1 MiB, and redb
/// never needs a long run of free pages for one row.
const PIECE_BYTES: usize = 1024 * 1024 - 1024;
/// The day under which uploads are counted: they are kept for good, so it is none that could ever go.
pub(super) const DAY: u32 = 0;

/// Stores a version unless it is there already, and makes it the current one.
pub(super) fn put(tx: &mut Tx<'_>, account: AccountId, upload: &Upload) -> Result<KnownPlugin> {
    let PluginVersion { name, sha256, .. } = &upload.version;
    let key = (account.0, name.as_str(), sha256.as_str());
    if tx.plugin_version.get(key)?.is_none() {
        tx.plugin_version.insert(key, row::encode(&upload.version).as_slice())?;
        for (number, piece) in (0..).zip(upload.bytes.chunks(PIECE_BYTES)) {
            tx.plugin_piece.insert((account.0, sha256.as_str(), number), piece)?;
        }
        tx.grew(account, DAY, upload.bytes.len());
    }
    let before = tx.setup.plugin(account, name).map(|plugin| plugin.current.sha256.clone());
    let deed = Deed::new(Action::PluginUploaded, name);
    tx.note(account, &deed.turning(before, sha256.clone()))?;
    let current = make_current(tx, account, name, sha256)?;
    current.ok_or_else(|| StoreError::Damaged { what: version_name(name, sha256) })
}

/// Makes an earlier version the current one; `None` when there is no such plugin or version.
pub(super) fn roll_back(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    sha256: &str,
) -> Result<Option<KnownPlugin>> {
    match tx.setup.plugin(account, name) {
        Some(before) => {
            let before = before.current.sha256.clone();
            let chosen = make_current(tx, account, name, sha256)?;
            if chosen.is_some() {
                let deed = Deed::new(Action::PluginRolledBack, name);
                tx.note(account, &deed.turning(Some(before), sha256.to_owned()))?;
            }
            Ok(chosen)
        }
        None => Ok(None),
    }
}

fn make_current(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    sha256: &str,
) -> Result<Option<KnownPlugin>> {
    let plugin = known(&tx.plugin_version, account, name, sha256)?;
    if let Some(plugin) = &plugin {
        tx.plugin.insert((account.0, name), row::encode(sha256).as_slice())?;
        Arc::make_mut(&mut tx.setup).put_plugin(account, plugin.clone());
    }
    Ok(plugin)
}

/// Deletes a plugin that no webhook names; its versions and their bytes stay.
pub(super) fn delete(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<PluginDeleted> {
    if tx.setup.plugin(account, name).is_none() {
        return Ok(PluginDeleted::Unknown);
    }
    let webhooks = tx.setup.live_webhooks(account);
    let users: Vec<WebhookId> =
        webhooks.iter().filter(|webhook| uses(&webhook.settings, name)).map(|webhook| webhook.id).collect();
    if !users.is_empty() {
        return Ok(PluginDeleted::InUse(users));
    }
    tx.plugin.remove((account.0, name))?;
    Arc::make_mut(&mut tx.setup).remove_plugin(account, name);
    tx.note(account, &Deed::new(Action::PluginDeleted, name))?;
    Ok(PluginDeleted::Deleted)
}

/// Whether the settings name the plugin, whichever version of it.
fn uses(settings: &Settings, name: &str) -> bool {
    let names = |named: &str| named.split_once('@').map_or(named, |(name, _)| name) == name;
    let judges = matches!(&settings.success, Success::Plugin(named) if names(named));
    judges || settings.transform.iter().any(|link| names(&link.plugin))
}

/// A plugin's versions, the newest upload first; none when there is no such plugin.
pub(super) fn versions(
    view: &View,
    setup: &Setup,
    account: AccountId,
    name: &str,
) -> Result<Vec<PluginVersion>> {
    if setup.plugin(account, name).is_none() {
        return Ok(Vec::new());
    }
    let mut versions: Vec<PluginVersion> = Vec::new();
    for_each_version(&view.table(table::PLUGIN_VERSION)?, account, name, |sha256, row| {
        versions.push(decode(row, name, sha256)?);
        Ok(())
    })?;
    versions.sort_by(|a, b| (b.uploaded_at, &b.sha256).cmp(&(a.uploaded_at, &a.sha256)));
    Ok(versions)
}

/// One version with its bytes, which must be those that it is named after.
pub(super) fn upload(view: &View, account: AccountId, name: &str, sha256: &str) -> Result<Option<Upload>> {
    let versions = view.table(table::PLUGIN_VERSION)?;
    let Some(row) = versions.get((account.0, name, sha256))? else { return Ok(None) };
    let version: PluginVersion = decode(row.value(), name, sha256)?;
    let mut bytes = Vec::with_capacity(usize::try_from(version.bytes).unwrap_or_default().min(PIECE_BYTES));
    for entry in
        view.table(table::PLUGIN_PIECE)?.range((account.0, sha256, 0)..=(account.0, sha256, u32::MAX))?
    {
        bytes.extend_from_slice(entry?.1.value());
    }
    if HEXLOWER.encode(&Sha256::digest(&bytes)) != sha256 {
        return Err(StoreError::Damaged { what: version_name(name, sha256) });
    }
    Ok(Some(Upload { version, bytes }))
}

/// A plugin with this version as the current one; `None` when there is no such version. Only that one is decoded,
/// so that damage to another does not hide it.
pub(super) fn known(
    table: &impl ReadableTable<VersionKey, &'static [u8]>,
    account: AccountId,
    name: &str,
    current: &str,
) -> Result<Option<KnownPlugin>> {
    let (mut found, mut versions) = (None, 0);
    for_each_version(table, account, name, |sha256, row| {
        versions += 1;
        if sha256 == current {
            found = Some(decode(row, name, sha256)?);
        }
        Ok(())
    })?;
    Ok(found.map(|current| KnownPlugin { current, versions }))
}

fn for_each_version(
    table: &impl ReadableTable<VersionKey, &'static [u8]>,
    account: AccountId,
    name: &str,
    mut with: impl FnMut(&str, &[u8]) -> Result<()>,
) -> Result<()> {
    for entry in table.range((account.0, name, "")..)? {
        let (key, value) = entry?;
        let (of_account, of_plugin, sha256) = key.value();
        if (of_account, of_plugin) != (account.0, name) {
            break;
        }
        with(sha256, value.value())?;
    }
    Ok(())
}

/// The version of a row, which is to be the one that it stands under.
fn decode(row: &[u8], name: &str, sha256: &str) -> Result<PluginVersion> {
    let version: PluginVersion = row::decode(row, || version_name(name, sha256))?;
    if (version.name.as_str(), version.sha256.as_str()) != (name, sha256) {
        return Err(StoreError::Damaged { what: version_name(name, sha256) });
    }
    Ok(version)
}

fn version_name(name: &str, sha256: &str) -> String {
    format!("version {sha256} of plugin {name}")
}
