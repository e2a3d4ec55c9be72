//! The account `default` of an empty data folder and the keys that speak for it; the operator's key.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use leadhook_core::{account::key::operator_key, id::AccountId};
use leadhook_store::{Account, KeyDigest, Store};
use sha2::{Digest as _, Sha256};

use crate::config::KEY_CHARACTERS_MIN;

/// The file in the data folder that holds the first key.
pub(crate) const KEY_FILE: &str = "api-key";
/// The file in the data folder that holds the operator's key.
pub(crate) const OPERATOR_KEY_FILE: &str = "operator-key";
/// What the first key of an account begins with, so that scanners know a key that got into a repository.
const KEY_PREFIX: &str = "lhk_";

/// The key that was made for a new account. Shown once.
pub(super) struct FirstKey {
    /// The key.
    pub(super) key: String,
    /// Where it is kept.
    pub(super) file: PathBuf,
}

/// Sees to it that the account `default` is there, and that a key speaks for it: the one that is given,
/// or for a new account one made here, which is answered.
pub(super) async fn prepare(
    store: &dyn Store,
    folder: &Path,
    given_key: Option<&str>,
) -> anyhow::Result<Option<FirstKey>> {
    let is_new = store.account(AccountId::DEFAULT).await?.is_none();
    let made = match (is_new, given_key) {
        (true, None) => Some(first_key(folder)?),
        _ => None,
    };
    if let Some(key) = given_key.or(made.as_ref().map(|made| made.key.as_str())) {
        let digest = digest(key);
        if store.account_of_key(digest).await? != Some(AccountId::DEFAULT) {
            store.put_key(digest, AccountId::DEFAULT).await?;
        }
    }
    if is_new {
        // Last, so that a start that broke off before is begun anew, with the key that is in the file.
        let account = Account {
            id: AccountId::DEFAULT,
            name: "default".to_owned(),
            client_id_key: rand::random(),
            recording_key: rand::random(),
        };
        store.put_account(account).await?;
    }
    Ok(made)
}

/// What the operator's key is known by: the one that is given, or the one in the data folder, which is made where there is
/// none and then answered too.
pub(super) fn operator(folder: &Path, given: Option<&str>) -> anyhow::Result<(KeyDigest, Option<FirstKey>)> {
    if let Some(key) = given {
        return Ok((digest(key), None));
    }
    let file = folder.join(OPERATOR_KEY_FILE);
    if file.exists() {
        return Ok((digest(&kept(&file)?), None));
    }
    let key = operator_key(&rand::random());
    keep_new(&file, &key).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok((digest(&key), Some(FirstKey { key, file })))
}

fn digest(key: &str) -> KeyDigest {
    Sha256::digest(key.as_bytes()).into()
}

/// Makes a key and keeps it in the data folder, readable by its owner only. One that is there already
/// was made by a start that broke off.
fn first_key(folder: &Path) -> anyhow::Result<FirstKey> {
    let file = folder.join(KEY_FILE);
    let random: [u8; 32] = rand::random();
    let made = random.iter().fold(KEY_PREFIX.to_owned(), |key, byte| format!("{key}{byte:02x}"));
    let key = match keep_new(&file, &made) {
        Ok(()) => made,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => kept(&file)?,
        Err(error) => return Err(error).with_context(|| format!("{} cannot be written", file.display())),
    };
    Ok(FirstKey { key, file })
}

/// The key in a file.
fn kept(file: &Path) -> anyhow::Result<String> {
    let key = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let key = key.trim().to_owned();
    anyhow::ensure!(
        key.len() >= KEY_CHARACTERS_MIN && key.bytes().all(|byte| byte.is_ascii_graphic()),
        "{} holds no whole key; delete it, and a new one is made",
        file.display()
    );
    Ok(key)
}

/// Writes a key into a file of its own that is not there yet, readable by its owner only.
pub(super) fn keep_new(file: &Path, key: &str) -> io::Result<()> {
    let mut kept = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    kept.write_all(format!("{key}\n").as_bytes())?;
    kept.sync_all()?;
    // The name is durable only with the folder.
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use leadhook_store::redb::{Options, RedbStore};
    use tempfile::TempDir;

    use super::*;

    async fn account_of(store: &RedbStore, key: &str) -> Option<AccountId> {
        store.account_of_key(digest(key)).await.unwrap()
    }

    fn opened(folder: &TempDir) -> RedbStore {
        RedbStore::open(folder.path(), Options::default()).unwrap()
    }

    #[tokio::test]
    async fn an_empty_folder_gets_an_account_and_a_key_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(&folder);
        let made = prepare(&store, folder.path(), None).await.unwrap().expect("a new account's key");
        assert!(made.key.starts_with(KEY_PREFIX) && made.key.len() == 68, "{}", made.key);
        assert_eq!(fs::read_to_string(&made.file).unwrap(), format!("{}\n", made.key));
        assert_eq!(made.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(account_of(&store, &made.key).await, Some(AccountId::DEFAULT));
        let keys = store.account(AccountId::DEFAULT).await.unwrap().expect("the account");
        assert_ne!(keys.client_id_key, keys.recording_key);

        assert!(prepare(&store, folder.path(), None).await.unwrap().is_none());
        let again = store.account(AccountId::DEFAULT).await.unwrap().expect("the account");
        assert_eq!(again, keys, "a later start changes no key");
    }

    #[tokio::test]
    async fn a_given_key_speaks_for_the_account_at_the_first_start_and_at_later_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(&folder);
        for key in ["0123456789abcdef", "another-key-of-later"] {
            assert!(prepare(&store, folder.path(), Some(key)).await.unwrap().is_none());
            assert_eq!(account_of(&store, key).await, Some(AccountId::DEFAULT));
        }
        assert_eq!(account_of(&store, "0123456789abcdef").await, Some(AccountId::DEFAULT));
        assert!(!folder.path().join(KEY_FILE).exists());
    }

    #[tokio::test]
    async fn a_start_that_broke_off_after_the_key_was_kept_is_taken_up_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let kept = "lhk_of-a-start-that-broke-off".to_owned();
        keep_new(&folder.path().join(KEY_FILE), &kept).unwrap();
        let store = opened(&folder);
        let made = prepare(&store, folder.path(), None).await.unwrap().expect("a new account's key");
        assert_eq!(made.key, kept);

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(KEY_FILE), "").unwrap();
        let store = opened(&folder);
        let error = prepare(&store, folder.path(), None).await.err().expect("no whole key").to_string();
        assert!(error.contains("api-key holds no whole key"), "{error}");
    }

    #[test]
    fn the_operators_key_is_made_once_and_a_given_one_goes_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (known, made) = operator(folder.path(), None).unwrap();
        let made = made.expect("a new key");
        assert_eq!(
            (digest(&made.key), made.file.metadata().unwrap().permissions().mode() & 0o777),
            (known, 0o600)
        );
        let (again, shown) = operator(folder.path(), None).unwrap();
        assert!(again == known && shown.is_none(), "it is shown once");
        let (given, shown) = operator(folder.path(), Some("given-from-outside")).unwrap();
        assert!(given == digest("given-from-outside") && shown.is_none());
        fs::write(&made.file, "short").unwrap();
        assert!(operator(folder.path(), None).is_err());
    }
}
