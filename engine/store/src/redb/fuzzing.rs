//! Rows as a fuzzer tries them: any bytes, and any bytes behind a checksum that holds.

use leadhook_core::{delivery::Delivery, lead::Lead, resend::Resend};
use serde::{Serialize, de::DeserializeOwned};

use super::row;
use crate::Account;

/// Reads these bytes as rows of every kind, as they stand and sealed in each format.
///
/// # Panics
/// When a row that was read cannot be written and read again.
pub fn row(bytes: &[u8]) {
    for row in [bytes.to_vec(), sealed(row::PLAIN, bytes), sealed(row::PACKED, bytes)] {
        read_again::<Account>(&row);
        read_again::<Delivery>(&row);
        read_again::<Lead>(&row);
        read_again::<Resend>(&row);
    }
}

fn sealed(format: u8, content: &[u8]) -> Vec<u8> {
    let mut row = [&[format], content].concat();
    row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
    row
}

fn read_again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(value) = row::decode::<T>(bytes, String::new) else { return };
    let written = row::encode(&value);
    let again = row::decode::<T>(&written, String::new).map(|again| row::encode(&again));
    assert!(again.is_ok_and(|again| again == written), "what was read is not what is written");
}
