//! Cities by address from a file in the MaxMind DB format, which is read again when it changes.

use std::{
    fs, io,
    net::IpAddr,
    os::unix::fs::MetadataExt as _,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use leadhook_runtime::Cities;
use maxminddb::{PathElement, Reader};

use crate::config::CityDatabase;

/// The most bytes of the file, all of which are kept in memory; those of the whole world have some 100 MiB.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most bytes of a city's name; a longer one is none.
const NAME_BYTES_MAX: usize = 256;
/// How often it is looked whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The language of names that each such file has.
const LANGUAGE_OF_ALL: &str = "en";

/// By what a change of the file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// Cities as the file knew them when it was last read whole.
pub(super) struct CityFile {
    database: CityDatabase,
    reader: RwLock<Arc<Reader<Vec<u8>>>>,
}

impl CityFile {
    /// Reads the file, and goes on looking whether it changes, for as long as somebody uses it.
    pub(super) fn open(database: CityDatabase) -> anyhow::Result<Arc<Self>> {
        let path = database.file.display().to_string();
        let seen = stamp(&database).ok();
        let reader = read(&database).with_context(|| format!("the city database {path} cannot be used"))?;
        let file = Arc::new(Self { database, reader: RwLock::new(Arc::new(reader)) });
        let watched = Arc::downgrade(&file);
        tokio::spawn(async move {
            let mut seen = seen;
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            loop {
                ticks.tick().await;
                let Some(file) = watched.upgrade() else { return };
                let looked = tokio::task::spawn_blocking(move || file.look(seen)).await;
                seen = looked.unwrap_or(seen);
            }
        });
        Ok(file)
    }

    /// Reads the file again if it is not as it was seen last. A file that cannot be used changes nothing, and is
    /// told of once.
    fn look(&self, seen: Option<Stamp>) -> Option<Stamp> {
        let now = stamp(&self.database).ok();
        if now == seen {
            return seen;
        }
        let file = self.database.file.display();
        match read(&self.database) {
            Ok(reader) => {
                *self.reader.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(reader);
                tracing::info!(%file, "the city database was read again");
            }
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!(%file, why, "the city database cannot be used; cities come from the one before");
            }
        }
        now
    }
}

impl Cities for CityFile {
    fn city_of(&self, address: IpAddr) -> Option<String> {
        let reader = Arc::clone(&self.reader.read().unwrap_or_else(PoisonError::into_inner));
        // What an old file says in IPv4 holds for the same address wrapped into IPv6.
        let found = reader.lookup(address.to_canonical()).ok()?;
        let name = |language: &str| {
            let path = ["city", "names", language].map(PathElement::Key);
            found.decode_path::<&str>(&path).ok().flatten()
        };
        let name = name(&self.database.language).or_else(|| name(LANGUAGE_OF_ALL))?;
        (1..=NAME_BYTES_MAX).contains(&name.len()).then(|| name.to_owned())
    }
}

fn stamp(database: &CityDatabase) -> io::Result<Stamp> {
    let metadata = fs::metadata(&database.file)?;
    Ok(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode: metadata.ino() })
}

fn read(database: &CityDatabase) -> anyhow::Result<Reader<Vec<u8>>> {
    let bytes = fs::metadata(&database.file)?.len();
    anyhow::ensure!(bytes <= FILE_BYTES_MAX, "it has {bytes} bytes, more than {FILE_BYTES_MAX}");
    Ok(Reader::from_source(fs::read(&database.file)?)?)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/cities").join(name)
    }

    fn database(file: PathBuf, language: &str) -> CityDatabase {
        CityDatabase { file, language: language.to_owned() }
    }

    fn city(file: &CityFile, address: &str) -> Option<String> {
        file.city_of(address.parse().unwrap())
    }

    #[tokio::test]
    async fn a_city_is_told_in_the_language_asked_for_or_in_english() {
        let file = CityFile::open(database(sample("first.mmdb"), "ru")).unwrap();
        assert_eq!(city(&file, "203.0.113.9").as_deref(), Some("Казань"));
        assert_eq!(city(&file, "::ffff:203.0.113.9").as_deref(), Some("Казань"));
        assert_eq!(city(&file, "198.51.100.9").as_deref(), Some("Springfield"));
        for nowhere in ["198.51.100.200", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(city(&file, nowhere), None, "{nowhere}");
        }
        let english = CityFile::open(database(sample("first.mmdb"), "en")).unwrap();
        assert_eq!(city(&english, "203.0.113.9").as_deref(), Some("Kazan"));
    }

    #[tokio::test]
    async fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cities.mmdb");
        fs::copy(sample("first.mmdb"), &path).unwrap();
        let database = database(path.clone(), "ru");
        let file = CityFile::open(database.clone()).unwrap();
        let seen = stamp(&database).ok();
        fs::write(&path, "broken").unwrap();
        let broken = file.look(seen);
        assert_ne!(broken, seen);
        assert_eq!(city(&file, "203.0.113.9").as_deref(), Some("Казань"));
        fs::remove_file(&path).unwrap();
        let gone = file.look(broken);
        assert_eq!((gone, city(&file, "203.0.113.9").as_deref()), (None, Some("Казань")));
        fs::copy(sample("second.mmdb"), &path).unwrap();
        file.look(gone);
        assert_eq!(city(&file, "203.0.113.9").as_deref(), Some("Пермь"));
    }

    #[tokio::test]
    async fn a_file_that_is_none_is_refused_at_the_start() {
        let error = CityFile::open(database(sample("README.md"), "ru")).err().unwrap();
        assert!(format!("{error:#}").contains("README.md cannot be used"), "{error:#}");
    }
}
