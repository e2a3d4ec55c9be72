//! The master key of a data folder that no engine has open.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use leadhook_store::redb::{self, MasterKey, MasterKeys};

use crate::{
    config::{Environment, GivenMasterKeys, MASTER_KEY_ENVIRONMENT, read_master_key},
    serve::master_key,
};

/// How a master key is given.
#[derive(Debug, clap::Args)]
pub(super) struct GivenMasterKey {
    /// With a folder: a file that holds its master key; else LEADHOOK_MASTER_KEY, else the file master-key in it
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
}

impl GivenMasterKey {
    /// The keys that open the secrets in a folder; `None` where they stand open, or no key is known.
    pub(super) fn of(&self, folder: &Path) -> anyhow::Result<Option<MasterKeys>> {
        if !redb::is_sealed(folder)? {
            return Ok(None);
        }
        let environment = Environment::of_process();
        let current = match (&self.master_key_file, environment.get(MASTER_KEY_ENVIRONMENT)) {
            (Some(file), _) => Some(read_master_key(file).map_err(anyhow::Error::msg)?),
            (None, Some(text)) => {
                let key = MasterKey::parse(text);
                Some(key.with_context(|| format!("{MASTER_KEY_ENVIRONMENT} holds no master key"))?)
            }
            (None, None) => None,
        };
        master_key::known(folder, &GivenMasterKeys { current, old: None })
    }
}
