//! How a row is written: a format byte, postcard, and a checksum, since redb does not verify what it reads.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, StoreError};

/// The format of rows that this version writes and reads.
const ROW_FORMAT: u8 = 4;
const CHECKSUM_BYTES: usize = 4;
/// Most rows fit in this, so that they are built without growing.
const ROW_BYTES_USUAL: usize = 1_024;

/// The row of a value: format, postcard, CRC-32 of both in little-endian.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut row = Vec::with_capacity(ROW_BYTES_USUAL);
    row.push(ROW_FORMAT);
    let mut row =
        postcard::to_extend(value, row).expect("plain data of known length always encodes into memory");
    row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
    row
}

/// The value of a row, or the first fields of it: what follows `T` is not read. `what` names the row in
/// the error and is only asked when there is one.
pub(super) fn decode<T: DeserializeOwned>(row: &[u8], what: impl FnOnce() -> String) -> Result<T> {
    read(row).ok_or_else(|| StoreError::Damaged { what: what() })
}

/// Whether a row is in this format and matches its checksum, whatever it holds.
pub(super) fn is_whole(row: &[u8]) -> bool {
    content(row).is_some()
}

fn read<T: DeserializeOwned>(row: &[u8]) -> Option<T> {
    postcard::from_bytes(content(row)?).ok()
}

/// What stands between the format and the checksum.
fn content(row: &[u8]) -> Option<&[u8]> {
    let (content, checksum) = row.split_at_checked(row.len().checked_sub(CHECKSUM_BYTES)?)?;
    if crc32fast::hash(content).to_le_bytes() != checksum {
        return None;
    }
    let (format, value) = content.split_first()?;
    (*format == ROW_FORMAT).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row_name() -> String {
        "row 7".to_owned()
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(text in ".{0,40}", number: u64, place: prop::sample::Index, bit in 0..8u8) {
            let mut row = encode(&(&text, number));
            prop_assert_eq!(decode::<(String, u64)>(&row, row_name).unwrap(), (text, number));
            let place = place.index(row.len());
            row[place] ^= 1 << bit;
            prop_assert!(decode::<(String, u64)>(&row, row_name).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode::<(String, u64)>(&bytes, row_name);
        }
    }

    #[test]
    fn a_row_of_another_format_is_damaged_by_name() {
        let mut row = vec![ROW_FORMAT + 1, 7];
        row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
        let error = decode::<u8>(&row, row_name).unwrap_err();
        assert_eq!(error.to_string(), "the stored row 7 is damaged");
    }
}
