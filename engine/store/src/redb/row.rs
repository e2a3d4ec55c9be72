//! How a row is written: a format byte, postcard, packed where that makes it smaller, and a checksum, since redb does
//! not verify what it reads.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, StoreError};

/// The format of rows as postcard writes them.
pub(super) const PLAIN: u8 = 4;
/// The format of rows that are packed: the length of the postcard in little-endian, then one LZ4 block of it.
pub(super) const PACKED: u8 = 5;
const CHECKSUM_BYTES: usize = 4;
const LENGTH_BYTES: usize = 4;
/// Most rows fit in this, so that they are built without growing.
const ROW_BYTES_USUAL: usize = 1_024;
/// Rows of fewer bytes are not packed: they share a page with others anyway.
const PACKED_FROM_BYTES: usize = 512;
/// The format of rows that are sealed, see `seal.rs`: a nonce, then the sealed row with its tag.
const SEALED: u8 = 6;
/// More than any row has; what says that it unpacks to more is damaged.
const UNPACKED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The row of a value: format, postcard, CRC-32 of both in little-endian. Requests and leads are text that repeats
/// itself, so packing them makes the file half as large, and with it what a commit writes.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut row = Vec::with_capacity(ROW_BYTES_USUAL);
    row.push(PLAIN);
    let mut row =
        postcard::to_extend(value, row).expect("plain data of known length always encodes into memory");
    if row.len() >= PACKED_FROM_BYTES {
        row = packed(row);
    }
    with_sum(row)
}

/// The row of what was sealed. It has a sum of its own, so that it can be verified by who has no key.
pub(super) fn sealed(nonce: &[u8], sealed: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + nonce.len() + sealed.len() + CHECKSUM_BYTES);
    row.push(SEALED);
    row.extend_from_slice(nonce);
    row.extend_from_slice(sealed);
    with_sum(row)
}

/// What is sealed in a row, with its nonce; `None` for a row that stands open, or is damaged.
pub(super) fn sealed_content(row: &[u8]) -> Option<&[u8]> {
    let (format, content) = checked(row)?;
    (format == SEALED).then_some(content)
}

fn with_sum(mut row: Vec<u8>) -> Vec<u8> {
    row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
    row
}

/// The row packed, where that makes it smaller.
fn packed(plain: Vec<u8>) -> Vec<u8> {
    let content = &plain[1..];
    let Ok(length) = u32::try_from(content.len()) else { return plain };
    let head = 1 + LENGTH_BYTES;
    let mut row = vec![0; head + lz4_flex::block::get_maximum_output_size(content.len())];
    row[0] = PACKED;
    row[1..head].copy_from_slice(&length.to_le_bytes());
    match lz4_flex::block::compress_into(content, &mut row[head..]) {
        Ok(bytes) if head + bytes < plain.len() => {
            row.truncate(head + bytes);
            row
        }
        _ => plain,
    }
}

/// The value of a row, or the first fields of it: what follows `T` is not read. `what` names the row in
/// the error and is only asked when there is one.
pub(super) fn decode<T: DeserializeOwned>(row: &[u8], what: impl FnOnce() -> String) -> Result<T> {
    read(row).ok_or_else(|| StoreError::Damaged { what: what() })
}

/// Whether a row is in this format and matches its checksum, whatever it holds.
pub(super) fn is_whole(row: &[u8]) -> bool {
    sealed_content(row).is_some() || content(row).is_some()
}

fn read<T: DeserializeOwned>(row: &[u8]) -> Option<T> {
    postcard::from_bytes(&content(row)?).ok()
}

/// What stands between the format and the checksum, unpacked.
fn content(row: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (format, value) = checked(row)?;
    match format {
        PLAIN => Some(Cow::Borrowed(value)),
        PACKED => unpacked(value).map(Cow::Owned),
        _ => None,
    }
}

/// The format of a row that matches its checksum, and what stands between them.
fn checked(row: &[u8]) -> Option<(u8, &[u8])> {
    let (content, checksum) = row.split_at_checked(row.len().checked_sub(CHECKSUM_BYTES)?)?;
    if crc32fast::hash(content).to_le_bytes() != checksum {
        return None;
    }
    let (format, value) = content.split_first()?;
    Some((*format, value))
}

/// What a packed row holds.
fn unpacked(value: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = value.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (length <= UNPACKED_BYTES_MAX).then(|| lz4_flex::block::decompress(block, length).ok()).flatten()
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
        fn any_flipped_bit_is_noticed(text in "(.{0,40}){1,40}", number: u64, place: prop::sample::Index, bit in 0..8u8) {
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
    fn a_row_that_repeats_itself_is_packed_and_comes_out_as_it_was() {
        let text = "utm_source=%D0%BF%D0%BE%D0%B8%D1%81%D0%BA&".repeat(50);
        let row = encode(&(&text, 7_u8));
        assert_eq!(row[0], PACKED);
        assert!(row.len() < text.len() / 10, "{} of {}", row.len(), text.len());
        assert_eq!(decode::<(String, u8)>(&row, row_name).unwrap(), (text, 7));
    }

    #[test]
    fn a_row_as_older_engines_wrote_it_is_read() {
        let text = "not packed ".repeat(100);
        let mut row = postcard::to_extend(&text, vec![PLAIN]).unwrap();
        row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
        assert_eq!(decode::<String>(&row, row_name).unwrap(), text);
    }

    #[test]
    fn a_packed_row_that_promises_more_than_any_has_is_damaged() {
        let mut row = vec![PACKED];
        row.extend_from_slice(&u32::MAX.to_le_bytes());
        row.extend_from_slice(&[0; 16]);
        row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
        assert!(decode::<String>(&row, row_name).is_err());
    }

    #[test]
    fn a_row_of_another_format_is_damaged_by_name() {
        let mut row = vec![SEALED + 1, 7];
        row.extend_from_slice(&crc32fast::hash(&row).to_le_bytes());
        let error = decode::<u8>(&row, row_name).unwrap_err();
        assert_eq!(error.to_string(), "the stored row 7 is damaged");
    }
}
