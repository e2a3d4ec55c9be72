//! A backup on its way into a file: checked as it comes, named when it is whole.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use indicatif::ProgressBar;
use leadhook_store::{BackupHead, Unpacker};

/// A file that is being written beside its later name. Given up, it is removed.
pub(super) struct Saving {
    file: File,
    unfinished: Unfinished,
    path: PathBuf,
    unpacker: Unpacker,
}

/// The name of the file while it is not whole; the file goes with it.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the file got its name there is none under this one.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Saving {
    /// Begins a file that nobody else may read: it holds what all customers' clients said.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        let file = file.with_context(|| format!("{} cannot be written", unfinished.display()))?;
        let unpacker = Unpacker::default();
        Ok(Self { file, unfinished: Unfinished(unfinished), path: path.to_owned(), unpacker })
    }

    /// Takes the next bytes; fails where they cannot be of a whole backup.
    pub(super) fn take(&mut self, bytes: &[u8], bar: &ProgressBar) -> anyhow::Result<()> {
        self.unpacker.feed(bytes);
        bar.set_position(self.unpacker.check()?);
        bar.set_length(self.unpacker.head().map_or(1, |head| head.rows.max(1)));
        self.file
            .write_all(bytes)
            .with_context(|| format!("{} cannot be written", self.unfinished.0.display()))
    }

    /// Gives the file its name, once it is whole and on the disk.
    pub(super) fn finish(self) -> anyhow::Result<BackupHead> {
        self.unpacker.finish()?;
        let head = self.unpacker.head().cloned().context("the backup has no head")?;
        self.file.sync_all()?;
        std::fs::rename(&self.unfinished.0, &self.path)
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The name is durable only with the folder.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(head)
    }
}

/// Checks every sum of a backup. How many rows it has.
pub(super) fn check(mut from: impl Read, piece_bytes: usize) -> anyhow::Result<u64> {
    let mut unpacker = Unpacker::default();
    let mut piece = vec![0; piece_bytes];
    let mut rows = 0;
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            unpacker.finish()?;
            return Ok(rows);
        }
        unpacker.feed(&piece[..length]);
        rows = unpacker.check()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whole_backup_never_gets_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        let bar = ProgressBar::hidden();
        let mut saving = Saving::begin(&path).unwrap();
        saving.take(b"leadhook backup\n", &bar).unwrap();
        let error = saving.finish().unwrap_err();
        assert!(error.to_string().contains("not whole"), "{error}");
        let mut saving = Saving::begin(&path).unwrap();
        assert!(saving.take(b"something else altogether", &bar).is_err());
        drop(saving);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
