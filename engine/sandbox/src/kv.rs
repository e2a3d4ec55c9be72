//! A plugin's state as one call sees it: what stands in the engine, under the call's own writes.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::plugin::{Change, Stored};
use serde::{Deserialize, Serialize};

use crate::limits::{KEY_BYTES_MAX, READS_MAX, STATE_BYTES_MAX, VALUE_BYTES_MAX, WRITES_MAX};

/// The state of one plugin in one webhook, as it stood before the call.
///
/// It is asked on the thread that calls the plugin, at most once for a key, and must answer in bounded time:
/// the call's deadline does not interrupt it.
pub trait Kv: Send + Sync {
    /// What stands under this key. What has expired may still be given: the call judges that by its own time.
    ///
    /// # Errors
    ///
    /// Why the engine cannot say, in words; the call ends as [`Kind::Sandbox`](crate::Kind::Sandbox).
    fn read(&self, key: &str) -> Result<Option<Stored>, String>;
}

/// State that has nothing in it: for previews and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoState;

impl Kv for NoState {
    fn read(&self, _: &str) -> Result<Option<Stored>, String> {
        Ok(None)
    }
}

/// What an earlier call read, so that the delivery can be replayed. A key that was not read then is not there.
impl Kv for BTreeMap<String, Option<Stored>> {
    fn read(&self, key: &str) -> Result<Option<Stored>, String> {
        Ok(self.get(key).cloned().flatten())
    }
}

/// What a call did with its plugin's state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KvUse {
    /// The keys that were read, in order, each once, with what stood there before the call. Collected into a
    /// `BTreeMap` they are the [`Kv`] of a replay.
    pub reads: Vec<(String, Option<Stored>)>,
    /// What is to be written, by key: one change for each, the call's own sequence taken together.
    pub writes: Vec<(String, Change)>,
}

/// Why a call for state ends the plugin's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KvFault {
    /// The plugin asked for what it may not.
    Contract(String),
    /// The engine could not answer.
    Sandbox(String),
}

/// The state under a call's own writes.
pub(crate) struct View {
    base: Arc<dyn Kv>,
    now_ms: u64,
    reads: Vec<(String, Option<Stored>)>,
    seen: BTreeMap<String, Option<Stored>>,
    changes: BTreeMap<String, Change>,
    writes: usize,
    /// Of keys and values, read and written.
    bytes: usize,
}

impl View {
    pub(crate) fn new(base: Arc<dyn Kv>, now_ms: u64) -> Self {
        let (seen, changes) = (BTreeMap::new(), BTreeMap::new());
        Self { base, now_ms, reads: Vec::new(), seen, changes, writes: 0, bytes: 0 }
    }

    pub(crate) fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, KvFault> {
        check_key(key)?;
        Ok(self.current(key)?.map(|stored| stored.value))
    }

    pub(crate) fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Result<(), KvFault> {
        check_key(&key)?;
        if value.len() > VALUE_BYTES_MAX {
            let detail =
                format!("kv.set: a value of {} bytes; at most {VALUE_BYTES_MAX} are allowed", value.len());
            return Err(KvFault::Contract(detail));
        }
        self.count_write()?;
        self.count_bytes(key.len() + value.len())?;
        let stored = Stored { value, expires_at_ms: self.end(ttl_seconds) };
        self.changes.insert(key, Change::Set(stored));
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: String) -> Result<(), KvFault> {
        check_key(&key)?;
        self.count_write()?;
        self.changes.insert(key, Change::Delete);
        Ok(())
    }

    pub(crate) fn increment(
        &mut self,
        key: String,
        by: i64,
        ttl_seconds: Option<u32>,
    ) -> Result<i64, KvFault> {
        check_key(&key)?;
        self.count_write()?;
        let current = self.current(&key)?;
        let before = match &current {
            None => 0,
            Some(stored) => stored
                .number()
                .ok_or_else(|| contract(&key, "what stands there is no number as decimal text"))?,
        };
        let sum =
            before.checked_add(by).ok_or_else(|| contract(&key, "the sum does not fit into 64 bits"))?;
        let add = Change::Add { by, expires_at_ms: self.end(ttl_seconds) };
        let change = match self.changes.get(&key) {
            None => add,
            Some(Change::Add { by: added, expires_at_ms }) => {
                let by = added
                    .checked_add(by)
                    .ok_or_else(|| contract(&key, "the sum does not fit into 64 bits"))?;
                Change::Add { by, expires_at_ms: *expires_at_ms }
            }
            // What the call itself put there, or removed, is certain: the sum is too.
            Some(Change::Set(_) | Change::Delete) => match add.apply(current.as_ref(), self.now_ms) {
                Some(stored) => Change::Set(stored),
                None => Change::Delete,
            },
        };
        self.changes.insert(key, change);
        Ok(sum)
    }

    /// What the call leaves behind, its writes too.
    pub(crate) fn into_use(self) -> KvUse {
        KvUse { reads: self.reads, writes: self.changes.into_iter().collect() }
    }

    fn current(&mut self, key: &str) -> Result<Option<Stored>, KvFault> {
        let stored = match self.changes.get(key) {
            Some(Change::Set(stored)) => Some(stored.clone()),
            Some(Change::Delete) => None,
            Some(add @ Change::Add { .. }) => {
                add.apply(self.seen.get(key).and_then(Option::as_ref), self.now_ms)
            }
            None => self.read_base(key)?,
        };
        Ok(stored.filter(|stored| stored.stands_at(self.now_ms)))
    }

    fn read_base(&mut self, key: &str) -> Result<Option<Stored>, KvFault> {
        if let Some(seen) = self.seen.get(key) {
            return Ok(seen.clone());
        }
        if self.reads.len() == READS_MAX {
            return Err(KvFault::Contract(format!("kv: more than {READS_MAX} keys read in one call")));
        }
        let stored = self.base.read(key).map_err(KvFault::Sandbox)?;
        self.count_bytes(key.len() + stored.as_ref().map_or(0, |stored| stored.value.len()))?;
        self.reads.push((key.to_owned(), stored.clone()));
        self.seen.insert(key.to_owned(), stored.clone());
        Ok(stored)
    }

    fn end(&self, ttl_seconds: Option<u32>) -> Option<u64> {
        ttl_seconds.map(|seconds| self.now_ms.saturating_add(u64::from(seconds) * 1000))
    }

    fn count_bytes(&mut self, bytes: usize) -> Result<(), KvFault> {
        self.bytes += bytes;
        match self.bytes > STATE_BYTES_MAX {
            true => Err(KvFault::Contract(format!("kv: more than {STATE_BYTES_MAX} bytes in one call"))),
            false => Ok(()),
        }
    }

    fn count_write(&mut self) -> Result<(), KvFault> {
        self.writes += 1;
        match self.writes > WRITES_MAX {
            true => Err(KvFault::Contract(format!("kv: more than {WRITES_MAX} writes in one call"))),
            false => Ok(()),
        }
    }
}

fn check_key(key: &str) -> Result<(), KvFault> {
    match key.len() {
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => {
            Err(KvFault::Contract(format!("kv: a key of {bytes} bytes; 1 to {KEY_BYTES_MAX} are allowed")))
        }
    }
}

fn contract(key: &str, what: &str) -> KvFault {
    KvFault::Contract(format!("kv.increment of {key:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_000_000;

    fn stored(value: &str, expires_at_ms: Option<u64>) -> Stored {
        Stored { value: value.as_bytes().to_vec(), expires_at_ms }
    }

    fn view(base: &[(&str, Stored)]) -> View {
        let base: BTreeMap<_, _> =
            base.iter().map(|(key, stored)| ((*key).to_owned(), Some(stored.clone()))).collect();
        View::new(Arc::new(base), NOW_MS)
    }

    #[test]
    fn a_call_reads_its_own_writes_and_what_stood_before_is_recorded_once() {
        let mut view = view(&[("a", stored("1", None))]);
        assert_eq!(view.get("a").unwrap(), Some(b"1".to_vec()));
        view.set("a".to_owned(), b"2".to_vec(), Some(1)).unwrap();
        assert_eq!(view.get("a").unwrap(), Some(b"2".to_vec()));
        view.delete("a".to_owned()).unwrap();
        assert_eq!(view.get("a").unwrap(), None);
        assert_eq!(view.get("b").unwrap(), None);
        let used = view.into_use();
        assert_eq!(used.reads, [("a".to_owned(), Some(stored("1", None))), ("b".to_owned(), None)]);
        assert_eq!(used.writes, [("a".to_owned(), Change::Delete)]);
    }

    #[test]
    fn what_has_expired_by_the_time_of_the_call_is_not_there() {
        for (end_ms, there) in [(NOW_MS, false), (NOW_MS + 1, true)] {
            let mut view = view(&[("a", stored("7", Some(end_ms)))]);
            assert_eq!(view.get("a").unwrap().is_some(), there);
            assert_eq!(view.increment("a".to_owned(), 1, None).unwrap(), if there { 8 } else { 1 });
        }
        let mut view = view(&[]);
        view.set("a".to_owned(), b"x".to_vec(), Some(0)).unwrap();
        assert_eq!(view.get("a").unwrap(), None, "no time to live is over at once");
    }

    #[test]
    fn increments_add_up_and_keep_the_end_that_the_key_began_with() {
        let mut view = view(&[("a", stored("5", Some(NOW_MS + 9)))]);
        assert_eq!(view.increment("a".to_owned(), 2, Some(60)).unwrap(), 7);
        assert_eq!(view.increment("a".to_owned(), -10, Some(60)).unwrap(), -3);
        let used = view.into_use();
        let (_, change) = &used.writes[0];
        assert_eq!(*change, Change::Add { by: -8, expires_at_ms: Some(NOW_MS + 60_000) });
        let meanwhile = stored("6", Some(NOW_MS + 9));
        assert_eq!(change.apply(Some(&meanwhile), NOW_MS), Some(stored("-2", Some(NOW_MS + 9))));
        assert_eq!(change.apply(None, NOW_MS), Some(stored("-8", Some(NOW_MS + 60_000))));
    }

    #[test]
    fn an_increment_after_a_write_of_the_call_is_a_write() {
        let mut view = view(&[("a", stored("5", None))]);
        view.set("a".to_owned(), b"10".to_vec(), Some(1)).unwrap();
        assert_eq!(view.increment("a".to_owned(), 1, None).unwrap(), 11);
        view.delete("b".to_owned()).unwrap();
        assert_eq!(view.increment("b".to_owned(), 3, Some(2)).unwrap(), 3);
        let expected = [
            ("a".to_owned(), Change::Set(stored("11", Some(NOW_MS + 1000)))),
            ("b".to_owned(), Change::Set(stored("3", Some(NOW_MS + 2000)))),
        ];
        assert_eq!(view.into_use().writes, expected);
    }

    #[test]
    fn what_is_beyond_the_limits_is_a_contract_fault() {
        let mut view = view(&[("text", stored("x", None)), ("full", stored(&i64::MAX.to_string(), None))]);
        let faults = [
            view.get("").unwrap_err(),
            view.get(&"k".repeat(KEY_BYTES_MAX + 1)).unwrap_err(),
            view.set("a".to_owned(), vec![0; VALUE_BYTES_MAX + 1], None).unwrap_err(),
            view.increment("text".to_owned(), 1, None).unwrap_err(),
            view.increment("full".to_owned(), 1, None).unwrap_err(),
        ];
        for fault in faults {
            assert!(matches!(fault, KvFault::Contract(_)), "{fault:?}");
        }
        while view.writes < WRITES_MAX {
            view.delete("a".to_owned()).unwrap();
        }
        assert!(matches!(view.delete("a".to_owned()), Err(KvFault::Contract(_))));
        for number in view.reads.len()..READS_MAX {
            view.get(&format!("key {number}")).unwrap();
        }
        assert!(matches!(view.get("one more"), Err(KvFault::Contract(_))));
    }
}
