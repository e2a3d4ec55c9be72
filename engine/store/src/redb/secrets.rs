//! Secrets that plugins may be granted: read from memory, and shown nowhere.

use std::{collections::BTreeMap, fmt, sync::Arc};

use leadhook_core::{
    audit::{Action, Deed},
    id::AccountId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{setup::Setup, table, tx::Tx};
use crate::Result;

/// A secret, as it stands in its row.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    value: String,
    set_at: Timestamp,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("set_at", &self.set_at).finish_non_exhaustive()
    }
}

pub(super) fn put(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    value: &str,
    now: Timestamp,
) -> Result<()> {
    let secret = Secret { value: value.to_owned(), set_at: now };
    let row = tx.sealer.encode(table::SECRET, (account.0, name), &secret)?;
    tx.secret.insert((account.0, name), row.as_slice())?;
    Arc::make_mut(&mut tx.setup).put_secret(account, name.to_owned(), secret);
    tx.note(account, &Deed::new(Action::SecretSet, name))?;
    Ok(())
}

/// Whether there was one.
pub(super) fn delete(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<bool> {
    let found = tx.secret.remove((account.0, name))?.is_some();
    if found {
        Arc::make_mut(&mut tx.setup).remove_secret(account, name);
        tx.note(account, &Deed::new(Action::SecretDeleted, name))?;
    }
    Ok(found)
}

/// Every secret's name, and when it was set.
pub(super) fn list(setup: &Setup, account: AccountId) -> Vec<(String, Timestamp)> {
    setup.secrets(account).map(|(name, secret)| (name.clone(), secret.set_at)).collect()
}

/// The values of those of the names that there are.
pub(super) fn granted(setup: &Setup, account: AccountId, names: &[String]) -> BTreeMap<String, String> {
    let value = |name: &String| Some((name.clone(), setup.secret(account, name)?.value.clone()));
    names.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_its_value() {
        let mut setup = Setup::default();
        let secret = Secret { value: "hunter2".to_owned(), set_at: Timestamp(7) };
        setup.put_secret(AccountId(1), "crm".to_owned(), secret);
        let shown = format!("{setup:?}");
        assert!(shown.contains("crm") && !shown.contains("hunter2"), "{shown}");
    }
}
