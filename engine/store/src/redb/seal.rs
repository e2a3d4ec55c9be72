//! Rows that hold secrets are sealed by AES-256-GCM under a master key that is not in the file.
//!
//! A row is sealed whole and for its place, table and key, which leads with the account: put anywhere else it cannot be
//! opened. Those of folders without a master key stand open, until one is given.

use std::{
    borrow::{Borrow, Cow},
    fmt,
};

use ::redb::{Key, TableDefinition, TableHandle as _};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::row;
use crate::{Result, StoreError};

/// How many bytes a master key has.
pub const MASTER_KEY_BYTES: usize = 32;
/// What is hashed before the key, so that its mark tells nothing that another use of it would.
const MARK_PURPOSE: &[u8] = b"leadhook master key mark\0";

type Bytes = &'static [u8];

/// What secrets are sealed under: 256 random bits. One key may seal 2^32 rows (NIST SP 800-38D, 8.3).
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; MASTER_KEY_BYTES]);

impl MasterKey {
    /// The key of these bytes, which must be random.
    pub fn new(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, with space around them; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The key as [`MasterKey::parse`] reads it.
    pub fn to_text(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    /// By what a folder knows its key: no more than tells two random keys apart.
    pub(super) fn mark(&self) -> u64 {
        let digest = Sha256::new().chain_update(MARK_PURPOSE).chain_update(self.0).finalize();
        digest.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The master keys that a store is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeys {
    /// What everything is sealed under from now on.
    pub current: MasterKey,
    /// What it may have been sealed under before.
    pub old: Option<MasterKey>,
}

/// Seals rows and opens them.
#[derive(Default)]
pub(super) struct Sealer {
    /// `None`: rows stand open.
    key: Option<RandomizedNonceKey>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("seals", &self.key.is_some()).finish()
    }
}

impl Sealer {
    pub(super) fn new(key: &MasterKey) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key.0)
            .expect("a key of AES-256 has as many bytes as this");
        Self { key: Some(key) }
    }

    /// The row of a value at its place, as `row::encode`, sealed where there is a key.
    ///
    /// [`StoreError::Unavailable`] when the system gives no random bytes.
    pub(super) fn encode<'k, K: Key + 'static>(
        &self,
        table: TableDefinition<'_, K, Bytes>,
        key: impl Borrow<K::SelfType<'k>>,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Vec<u8>> {
        self.seal(&place(table, key), row::encode(value))
    }

    /// The value of a row at its place, as `row::decode`, also of one that stands open.
    pub(super) fn decode<'k, K: Key + 'static, T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, K, Bytes>,
        key: impl Borrow<K::SelfType<'k>>,
        row: &[u8],
        what: impl FnOnce() -> String,
    ) -> Result<T> {
        match self.open(&place(table, key), row) {
            Some(row) => row::decode(&row, what),
            None => Err(StoreError::Damaged { what: what() }),
        }
    }

    pub(super) fn seal(&self, place: &[u8], row: Vec<u8>) -> Result<Vec<u8>> {
        let Some(key) = &self.key else { return Ok(row) };
        let mut sealed = row;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .map_err(|_| StoreError::Unavailable("a secret cannot be sealed".to_owned()))?;
        Ok(row::sealed(nonce.as_ref(), &sealed))
    }

    /// The row as it was before it was sealed; `None` where it was sealed for another place or under another key, or
    /// is damaged.
    pub(super) fn open<'r>(&self, place: &[u8], row: &'r [u8]) -> Option<Cow<'r, [u8]>> {
        let Some(sealed) = row::sealed_content(row) else { return Some(Cow::Borrowed(row)) };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = sealed.to_vec();
        let length = self.key.as_ref()?.open_in_place(Nonce::from(nonce), Aad::from(place), &mut opened);
        let length = length.ok()?.len();
        opened.truncate(length);
        Some(Cow::Owned(opened))
    }
}

/// What a row is sealed for.
pub(super) fn place<'k, K: Key + 'static>(
    table: TableDefinition<'_, K, Bytes>,
    key: impl Borrow<K::SelfType<'k>>,
) -> Vec<u8> {
    let mut place = table.name().as_bytes().to_vec();
    place.push(0);
    place.extend_from_slice(K::as_bytes(key.borrow()).as_ref());
    place
}

#[cfg(test)]
mod tests {
    use super::super::table::{OPERATIONS, SECRET};
    use super::*;

    fn what() -> String {
        "secret crm".to_owned()
    }

    #[test]
    fn a_sealed_row_shows_nothing_and_opens_at_its_place_only() {
        let sealer = Sealer::new(&MasterKey::new([7; 32]));
        let row = sealer.encode(SECRET, (1, "crm"), "hunter2-hunter2").unwrap();
        assert!(row::is_whole(&row), "its sum can be checked without the key");
        assert!(!row.windows(7).any(|part| part == b"hunter2"));
        let opened: String = sealer.decode(SECRET, (1, "crm"), &row, what).unwrap();
        assert_eq!(opened, "hunter2-hunter2");
        for (account, name) in [(2, "crm"), (1, "crn")] {
            assert!(sealer.decode::<_, String>(SECRET, (account, name), &row, what).is_err());
        }
        assert!(sealer.decode::<_, String>(OPERATIONS, 1, &row, what).is_err());
        for other in [Sealer::default(), Sealer::new(&MasterKey::new([8; 32]))] {
            assert!(other.decode::<_, String>(SECRET, (1, "crm"), &row, what).is_err());
        }
        let again = sealer.encode(SECRET, (1, "crm"), "hunter2-hunter2").unwrap();
        assert_ne!(again, row, "the same value is never sealed the same twice");
    }

    #[test]
    fn a_row_that_stands_open_is_read() {
        let row = Sealer::default().encode(SECRET, (1, "crm"), "hunter2").unwrap();
        let sealer = Sealer::new(&MasterKey::new([7; 32]));
        assert_eq!(sealer.decode::<_, String>(SECRET, (1, "crm"), &row, what).unwrap(), "hunter2");
    }

    #[test]
    fn a_master_key_is_64_hexadecimal_digits() {
        let key = MasterKey::parse(&format!(" {}\n", "0aF1".repeat(16))).unwrap();
        assert_eq!(MasterKey::parse(&key.to_text()), Some(key.clone()));
        assert!(!format!("{key:?}").contains("0a"));
        for bad in ["", "0a", &"0g".repeat(32), &"0a".repeat(33)] {
            assert_eq!(MasterKey::parse(bad), None, "{bad}");
        }
    }
}
