//! What customers uploaded and what plugins keep: the bytes of plugins against their names, ends against state.

use ::redb::ReadableTable as _;
use leadhook_core::{id::AccountId, plugin::Stored};

use super::Verified;
use crate::{
    Result,
    redb::{plugins, row, table, view::View},
};

pub(super) fn verify(view: &View, verified: &mut Verified) -> Result<()> {
    for entry in view.table(table::PLUGIN_VERSION)?.iter()? {
        let (key, _) = entry?;
        let (account, name, sha256) = key.value();
        verified.read("plugin_piece", plugins::upload(view, AccountId(account), name, sha256))?;
    }
    let ends = view.table(table::STATE_END)?;
    for entry in view.table(table::STATE)?.iter()? {
        let (key, value) = entry?;
        let (account, webhook, plugin, name) = key.value();
        let Ok(stored) = row::decode::<Stored>(value.value(), String::new) else { continue };
        if let Some(end) = stored.expires_at_ms
            && ends.get((account, end, webhook, plugin, name))?.is_none()
        {
            verified.flaw("state_end", format!("a key of plugin {plugin} will never end"));
        }
    }
    Ok(())
}
