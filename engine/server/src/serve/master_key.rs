//! The master key under which secrets are sealed: the one that is given, else one in the data folder, made if need be.

use std::path::Path;

use anyhow::Context as _;
use leadhook_store::{
    StoreError,
    redb::{self, MasterKey, MasterKeys, Options, RedbStore, Sealing},
};

use super::account::keep_new;
use crate::config::{GivenMasterKeys, read_master_key};

/// The file in the data folder that holds the master key, where none is given.
pub(crate) const MASTER_KEY_FILE: &str = "master-key";

/// Opens the store of a data folder, with its secrets sealed.
pub(super) fn open(folder: &Path, given: &GivenMasterKeys) -> anyhow::Result<RedbStore> {
    let keys = match known(folder, given)? {
        Some(keys) => keys,
        None => MasterKeys { current: make(folder)?, old: None },
    };
    let changes_over = keys.old.is_some();
    let (store, sealing) = RedbStore::open_sealed(folder, Options::default(), keys)?;
    match sealing {
        Sealing::AsBefore | Sealing::Sealed(0) => {}
        Sealing::Sealed(rows) => tracing::info!(rows, "secrets of an earlier version were sealed"),
        Sealing::Resealed(rows) => tracing::info!(rows, "secrets were sealed anew under the new master key"),
    }
    if changes_over {
        tracing::info!("nothing is sealed under the old master key any more; it can go");
    }
    Ok(store)
}

/// The keys of a data folder, with which no key is made; `None` where there are none.
///
/// The key that the folder holds is the old one where another is given.
pub(crate) fn known(folder: &Path, given: &GivenMasterKeys) -> anyhow::Result<Option<MasterKeys>> {
    let file = folder.join(MASTER_KEY_FILE);
    let kept = match file.exists() {
        true => Some(read_master_key(&file).map_err(anyhow::Error::msg)?),
        false => None,
    };
    let keys = match (given.current.clone(), kept) {
        (Some(current), kept) => {
            let old = given.old.clone().or(kept).filter(|old| *old != current);
            MasterKeys { current, old }
        }
        (None, Some(current)) => MasterKeys { current, old: given.old.clone() },
        (None, None) => return Ok(None),
    };
    Ok(Some(keys))
}

/// A new key in the data folder, unless its secrets are sealed under one that is not given.
fn make(folder: &Path) -> anyhow::Result<MasterKey> {
    if redb::is_sealed(folder)? {
        return Err(StoreError::MasterKeyMissing.into());
    }
    redb::make_private_dir(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let key = MasterKey::new(rand::random());
    let file = folder.join(MASTER_KEY_FILE);
    keep_new(&file, &key.to_text()).with_context(|| format!("{} cannot be written", file.display()))?;
    tracing::info!(file = %file.display(), "a master key was made; keep it apart from copies of the folder");
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn given(current: u8, old: Option<u8>) -> GivenMasterKeys {
        let key = |byte| MasterKey::new([byte; 32]);
        GivenMasterKeys { current: Some(key(current)), old: old.map(key) }
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_another_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let file = data.join(MASTER_KEY_FILE);
        let none = GivenMasterKeys::default();
        for _ in 0..2 {
            let store = open(&data, &none).unwrap();
            leadhook_store::Store::close(&store).await;
        }
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let store = open(&data, &given(7, None)).unwrap();
        leadhook_store::Store::close(&store).await;
        fs::remove_file(&file).unwrap();
        let error = open(&data, &none).err().unwrap().to_string();
        assert!(error.contains("--master-key-file"), "{error}");
        assert!(!file.exists(), "no key is made for what it does not open");
        let error = open(&data, &given(8, None)).err().unwrap().to_string();
        assert!(error.contains("under another master key"), "{error}");
        let store = open(&data, &given(8, Some(7))).unwrap();
        leadhook_store::Store::close(&store).await;
        open(&data, &given(8, None)).unwrap();
    }
}
