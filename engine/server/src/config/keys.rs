//! Keys: those that speak to the interface, and those under which secrets are sealed. They stand in no flag, where others
//! could read them, and no fault repeats one.

use std::{fs, path::Path};

use leadhook_core::fault::Fault;
use leadhook_store::redb::MasterKey;

use super::{Environment, Sources};

/// Holds the key of the account `default`.
pub(crate) const KEY_ENVIRONMENT: &str = "LEADHOOK_API_KEY";
/// Holds the operator's key.
pub(crate) const OPERATOR_KEY_ENVIRONMENT: &str = "LEADHOOK_OPERATOR_KEY";
/// Holds the master key.
pub(crate) const MASTER_KEY_ENVIRONMENT: &str = "LEADHOOK_MASTER_KEY";
/// Holds the master key of before.
pub(crate) const MASTER_KEY_OLD_ENVIRONMENT: &str = "LEADHOOK_MASTER_KEY_OLD";
/// The variables that hold keys, with what each is called.
pub(crate) const KEYS: [(&str, &str); 4] = [
    ("api_key", KEY_ENVIRONMENT),
    ("operator_key", OPERATOR_KEY_ENVIRONMENT),
    ("master_key", MASTER_KEY_ENVIRONMENT),
    ("master_key_old", MASTER_KEY_OLD_ENVIRONMENT),
];
/// The fewest characters of a key given from outside.
pub(crate) const KEY_CHARACTERS_MIN: usize = 16;
/// The most characters of it: it must fit a header.
const KEY_CHARACTERS_MAX: usize = 512;
/// What a master key looks like.
const MASTER_KEY_WANTED: &str =
    "a master key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them";

/// The master keys that were given from outside the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenMasterKeys {
    /// What secrets are sealed under from now on.
    pub(crate) current: Option<MasterKey>,
    /// What they were sealed under before.
    pub(crate) old: Option<MasterKey>,
}

/// A key from the environment; the inner `None`: there is none.
pub(super) fn key(
    sources: &mut Sources,
    environment: &Environment,
    name: &'static str,
) -> Option<Option<String>> {
    let Some(key) = environment.get(name) else { return Some(None) };
    let fits = (KEY_CHARACTERS_MIN..=KEY_CHARACTERS_MAX).contains(&key.len());
    if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(Some(key.to_owned()));
    }
    let detail = format!(
        "a key has {KEY_CHARACTERS_MIN} to {KEY_CHARACTERS_MAX} ASCII characters and no spaces; take a random one"
    );
    sources.faults.push(Fault::new(name, "bad_key", detail));
    None
}

/// The master keys from the environment or from files.
pub(super) fn master_keys(sources: &mut Sources, environment: &Environment) -> Option<GivenMasterKeys> {
    let current = master_key(sources, environment, MASTER_KEY_ENVIRONMENT, "master_key_file");
    let old = master_key(sources, environment, MASTER_KEY_OLD_ENVIRONMENT, "master_key_old_file");
    Some(GivenMasterKeys { current: current?, old: old? })
}

fn master_key(
    sources: &mut Sources,
    environment: &Environment,
    variable: &'static str,
    file: &'static str,
) -> Option<Option<MasterKey>> {
    let from_file = sources.optional(file, |path| read_master_key(Path::new(path)))?;
    let Some(text) = environment.get(variable) else { return Some(from_file) };
    let fault = match (MasterKey::parse(text), from_file) {
        (Some(key), None) => return Some(Some(key)),
        (Some(_), Some(_)) => {
            Fault::new(variable, "given_twice", format!("`{file}` names a key too; give one"))
        }
        (None, _) => Fault::new(variable, "bad_key", MASTER_KEY_WANTED),
    };
    sources.faults.push(fault);
    None
}

/// The master key in a file; in words why there is none.
pub(crate) fn read_master_key(file: &Path) -> Result<MasterKey, String> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| format!("the file {} cannot be read: {error}", file.display()))?;
    MasterKey::parse(&text).ok_or_else(|| format!("{} holds none: {MASTER_KEY_WANTED}", file.display()))
}
