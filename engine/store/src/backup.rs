//! Backups as bytes: blocks of rows, each with its checksum, between a head and an end that sums up all of them.
//!
//! A block is its length and the CRC-32 of its content, each 4 bytes in little-endian, and the content in postcard. The
//! end counts the rows and holds the SHA-256 of every content before it, so that a backup that was cut is no backup.

use leadhook_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use crate::{Result, StoreError};

/// What a backup begins with.
const MAGIC: &[u8; 16] = b"leadhook backup\n";
/// The version of the blocks that is written and read.
const BLOCKS_VERSION: u32 = 1;
/// The most bytes that the content of a block may have: far more than [`crate::redb`] puts into one.
const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The length and the checksum before a content.
const BEFORE_CONTENT: usize = 8;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The version of the blocks.
    blocks: u32,
    /// The format of the store that it was made of.
    pub format: u32,
    /// The version of the engine that made it.
    pub version: String,
    /// When it was made: it holds what was stored then.
    pub made_at: Timestamp,
    /// How many rows it has.
    pub rows: u64,
}

impl BackupHead {
    /// Of a store in this format with so many rows, made by this version.
    pub(crate) fn new(format: u32, made_at: Timestamp, rows: u64) -> Self {
        Self { blocks: BLOCKS_VERSION, format, version: env!("CARGO_PKG_VERSION").to_owned(), made_at, rows }
    }
}

/// A row as its table keeps it: key and value.
pub(crate) type RowBytes = (ByteBuf, ByteBuf);

/// One block.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Block {
    /// The first.
    Head(BackupHead),
    /// Rows of one table, in the order of their keys.
    Rows {
        /// The table's name.
        table: String,
        /// The rows.
        rows: Vec<RowBytes>,
    },
    /// The last.
    End {
        /// How many rows came before it.
        rows: u64,
        /// The SHA-256 of the contents of all blocks before it.
        sum: [u8; 32],
    },
}

/// Makes the bytes of a backup, block by block.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    sum: Sha256,
    rows: u64,
}

impl Packer {
    /// The bytes with which a backup begins.
    pub(crate) fn head(&mut self, head: BackupHead) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.block(&Block::Head(head)));
        bytes
    }

    /// The bytes of some rows.
    pub(crate) fn rows(&mut self, table: String, rows: Vec<RowBytes>) -> Vec<u8> {
        self.rows += rows.len() as u64;
        self.block(&Block::Rows { table, rows })
    }

    /// The bytes with which it ends.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let sum = self.sum.clone().finalize().into();
        self.block(&Block::End { rows: self.rows, sum })
    }

    fn block(&mut self, block: &Block) -> Vec<u8> {
        let bytes = vec![0; BEFORE_CONTENT];
        let mut bytes = postcard::to_extend(block, bytes).expect("plain data always encodes into memory");
        let (before, content) = bytes.split_at_mut(BEFORE_CONTENT);
        let length = u32::try_from(content.len()).expect("a block has a few MiB");
        before[..4].copy_from_slice(&length.to_le_bytes());
        before[4..].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
        self.sum.update(content);
        bytes
    }
}

/// Reads a backup as its bytes come in, and checks every sum in it. It keeps no more than one block.
#[derive(Debug, Default)]
pub struct Unpacker {
    waiting: Vec<u8>,
    head: Option<BackupHead>,
    begun: bool,
    sum: Sha256,
    rows: u64,
    ended: bool,
}

impl Unpacker {
    /// Takes the next bytes in; the blocks that they complete must be taken out before the next.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Checks the blocks that are complete, without looking at their rows. How many rows there were so far.
    pub fn check(&mut self) -> Result<u64> {
        while self.next_block()?.is_some() {}
        Ok(self.rows)
    }

    /// What the backup says of itself, once that was read.
    pub fn head(&self) -> Option<&BackupHead> {
        self.head.as_ref()
    }

    /// Nothing more comes: whether the backup came whole.
    pub fn finish(&self) -> Result<()> {
        match self.ended && self.waiting.is_empty() {
            true => Ok(()),
            false => Err(broken("it is not whole: its end is missing")),
        }
    }

    /// The next block, if all of it is here.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>> {
        if !self.begun {
            let length = self.waiting.len().min(MAGIC.len());
            if self.waiting[..length] != MAGIC[..length] {
                return Err(broken("the file is no backup of leadhook"));
            }
            if length < MAGIC.len() {
                return Ok(None);
            }
            self.waiting.drain(..length);
            self.begun = true;
        }
        let Some((length, checksum)) = self.before_content()? else { return Ok(None) };
        let Some(content) = self.waiting.get(BEFORE_CONTENT..BEFORE_CONTENT + length) else {
            return Ok(None);
        };
        if crc32fast::hash(content) != checksum {
            return Err(broken("a block does not match its checksum"));
        }
        let block = postcard::from_bytes(content).map_err(|_| broken("a block cannot be read"));
        let block = match (block, &self.head) {
            // A later version may know other blocks; its head says so, which is the first.
            (Ok(Block::Head(head)), None) => Block::Head(head),
            (Ok(block), Some(_)) => block,
            (Err(error), _) => return Err(error),
            (Ok(_), None) => return Err(broken("its head is missing")),
        };
        self.note(&block)?;
        self.sum.update(&self.waiting[BEFORE_CONTENT..BEFORE_CONTENT + length]);
        self.waiting.drain(..BEFORE_CONTENT + length);
        Ok(Some(block))
    }

    /// The length and the checksum of the next content, if they are here.
    fn before_content(&self) -> Result<Option<(usize, u32)>> {
        let Some(before) = self.waiting.first_chunk::<BEFORE_CONTENT>() else { return Ok(None) };
        if self.ended {
            return Err(broken("something follows its end"));
        }
        let [a, b, c, d, e, f, g, h] = *before;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(broken("a block has an impossible length"));
        }
        Ok(Some((length, u32::from_le_bytes([e, f, g, h]))))
    }

    fn note(&mut self, block: &Block) -> Result<()> {
        match block {
            Block::Head(head) if self.head.is_some() => {
                Err(broken(&format!("it has a second head, of {}", head.made_at.to_rfc3339())))
            }
            Block::Head(head) if head.blocks > BLOCKS_VERSION => {
                Err(StoreError::NewerBackup { version: head.version.clone(), own: own_version() })
            }
            Block::Head(head) => {
                self.head = Some(head.clone());
                Ok(())
            }
            Block::Rows { rows, .. } => {
                self.rows += rows.len() as u64;
                Ok(())
            }
            Block::End { rows, sum } => {
                let found: [u8; 32] = self.sum.clone().finalize().into();
                if *rows != self.rows || *sum != found {
                    return Err(broken("rows of it are missing or changed"));
                }
                self.ended = true;
                Ok(())
            }
        }
    }
}

/// The version of this program, for words about a backup of another.
pub(crate) fn own_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

pub(crate) fn broken(reason: &str) -> StoreError {
    StoreError::Backup { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8) -> RowBytes {
        (ByteBuf::from(vec![number]), ByteBuf::from(vec![number; 9]))
    }

    fn packed() -> Vec<u8> {
        let mut packer = Packer::default();
        let mut bytes = packer.head(BackupHead::new(4, Timestamp(7), 3));
        bytes.extend(packer.rows("open".to_owned(), vec![row(1), row(2)]));
        bytes.extend(packer.rows("done/1".to_owned(), vec![row(3)]));
        bytes.extend(packer.end());
        bytes
    }

    /// How many rows come out when the bytes come in pieces of this size.
    fn unpacked(bytes: &[u8], piece: usize) -> Result<u64> {
        let mut unpacker = Unpacker::default();
        let mut rows = 0;
        for bytes in bytes.chunks(piece) {
            unpacker.feed(bytes);
            rows = unpacker.check()?;
        }
        unpacker.finish()?;
        Ok(rows)
    }

    #[test]
    fn a_backup_is_read_in_pieces_of_any_size() {
        for piece in [1, 7, 4_096] {
            assert_eq!(unpacked(&packed(), piece).unwrap(), 3);
        }
    }

    #[test]
    fn a_backup_that_was_cut_or_changed_anywhere_is_none() {
        let whole = packed();
        for cut in 0..whole.len() {
            assert!(unpacked(&whole[..cut], 64).is_err(), "cut at {cut}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(unpacked(&changed, 64).is_err(), "changed at {place}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(unpacked(&longer, 64).is_err());
    }

    #[test]
    fn a_backup_of_later_blocks_is_refused_by_its_version() {
        let head =
            BackupHead { blocks: 2, version: "9.1.0".to_owned(), ..BackupHead::new(4, Timestamp(7), 0) };
        let bytes = Packer::default().head(head);
        let error = unpacked(&bytes, 64).unwrap_err();
        assert!(matches!(&error, StoreError::NewerBackup { version, .. } if version == "9.1.0"), "{error}");
    }
}
