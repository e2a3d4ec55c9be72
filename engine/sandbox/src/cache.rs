//! Compiled code on disk, by the hash of the wasm and the engine that it is for.
//!
//! A file is what was asked for or it is not used: its head names wasm and engine, and a sum covers all of it. A sum
//! notices damage, not malice: the folder is to be writable by the engine alone, as all of its folders.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// The most files that are kept; beyond them the one written longest ago goes.
const FILES_MAX: usize = 1000;

const EXTENSION: &str = "compiled";
const SUM_BYTES: usize = 32;

/// The folder of compiled code for one engine.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine: u64,
}

impl Cache {
    pub(crate) fn open(folder: PathBuf, engine: &Engine) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder, engine: hasher.finish() })
    }

    /// The code compiled of this wasm, if it is there and whole.
    pub(crate) fn get(&self, wasm: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(wasm)).ok()?;
        let head = self.head(wasm);
        let code_at = head.len() + SUM_BYTES;
        let code = bytes.get(code_at..)?;
        let is_whole = bytes.starts_with(head.as_bytes()) && bytes[head.len()..code_at] == sum(&head, code);
        if !is_whole {
            tracing::warn!(wasm, "the compiled code on disk is damaged or foreign; it is compiled again");
            return None;
        }
        Some(bytes.split_off(code_at))
    }

    /// Keeps code for the next start. A reader sees the whole file or none.
    pub(crate) fn put(&self, wasm: &str, code: &[u8]) -> io::Result<()> {
        let head = self.head(wasm);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(head.as_bytes())?;
        file.write_all(&sum(&head, code))?;
        file.write_all(code)?;
        file.persist(self.path(wasm))?;
        self.prune()
    }

    fn path(&self, wasm: &str) -> PathBuf {
        self.folder.join(format!("{wasm}-{:016x}.{EXTENSION}", self.engine))
    }

    fn head(&self, wasm: &str) -> String {
        format!("leadhook compiled 1\n{wasm}\n{:016x}\n", self.engine)
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.push((written(&path), path));
            }
        }
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn written(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn sum(head: &str, code: &[u8]) -> [u8; SUM_BYTES] {
    Sha256::new().chain_update(head).chain_update(code).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path, engine: u64) -> Cache {
        Cache { folder: folder.to_owned(), engine }
    }

    #[test]
    fn what_is_put_is_found_by_the_same_engine_only() {
        let folder = tempfile::tempdir().unwrap();
        cache(folder.path(), 1).put("abc", b"code").unwrap();
        assert_eq!(cache(folder.path(), 1).get("abc").as_deref(), Some(b"code".as_slice()));
        assert_eq!(cache(folder.path(), 2).get("abc"), None);
        assert_eq!(cache(folder.path(), 1).get("abd"), None);
    }

    #[test]
    fn a_damaged_a_cut_or_a_foreign_file_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1);
        cache.put("abc", b"code").unwrap();
        let path = cache.path("abc");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get("abc"), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(cache.get("abc"), None, "cut at {at}");
        }
        fs::write(&path, &whole).unwrap();
        fs::copy(&path, cache.path("other")).unwrap();
        assert_eq!(cache.get("other"), None, "code of another module under this name");
    }
}
