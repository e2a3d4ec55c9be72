//! The engine's side in a native test: a host with a configuration, secrets, a time and a store in memory.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    mem,
};

use serde_json::Value as Json;

use crate::host::Level;

thread_local! {
    static CURRENT: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// The longest key in bytes; the shortest has one.
pub const KEY_BYTES_MAX: usize = 256;

/// The most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// What a plugin's functions find when a test calls them. State stays from one [`Host::run`] to the next.
///
/// ```
/// use leadhook_plugin::{kv, mock::Host, now_ms};
///
/// let mut host = Host::new().now_ms(1_000);
/// assert_eq!(host.run(|| kv::increment("calls", 1, Some(60))), 1);
/// assert_eq!(host.run(|| kv::increment("calls", 1, Some(60))), 2);
/// let mut host = host.now_ms(61_000);
/// assert_eq!(host.run(|| (now_ms(), kv::get("calls"))), (61_000, None));
/// ```
#[derive(Debug, Default)]
pub struct Host {
    state: State,
}

#[derive(Debug, Default)]
struct State {
    config: Option<Json>,
    secrets: HashMap<String, String>,
    now_ms: u64,
    seed: u64,
    kv: BTreeMap<String, Entry>,
    log: Vec<(Level, String)>,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    ends_at_ms: Option<u64>,
}

impl Host {
    /// A host that gives nothing, at the beginning of 1970.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this configuration of the link.
    #[must_use]
    pub fn config(mut self, config: Json) -> Self {
        self.state.config = Some(config);
        self
    }

    /// With this secret.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.state.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// At this time.
    #[must_use]
    pub fn now_ms(mut self, now_ms: u64) -> Self {
        self.state.now_ms = now_ms;
        self
    }

    /// With random numbers from this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.state.seed = seed;
        self
    }

    /// With this value in its store.
    #[must_use]
    pub fn kv(mut self, key: &str, value: &[u8]) -> Self {
        self.state.kv.insert(key.to_owned(), Entry { value: value.to_owned(), ends_at_ms: None });
        self
    }

    /// Calls this with the host around it.
    ///
    /// # Panics
    /// When it panics, or is called within another host.
    pub fn run<T>(&mut self, call: impl FnOnce() -> T) -> T {
        /// Takes the state back also when the call panics, so that the thread's next test has its own.
        struct Around<'a>(&'a mut State);
        impl Drop for Around<'_> {
            fn drop(&mut self) {
                *self.0 = CURRENT.take().unwrap_or_default();
            }
        }
        assert!(CURRENT.with_borrow(Option::is_none), "a host runs within another");
        CURRENT.set(Some(mem::take(&mut self.state)));
        let _around = Around(&mut self.state);
        call()
    }

    /// What the store holds that has not ended, by key.
    pub fn stored(&self) -> BTreeMap<&str, &[u8]> {
        let alive = self.state.kv.iter().filter(|(_, entry)| entry.is_alive(self.state.now_ms));
        alive.map(|(key, entry)| (key.as_str(), entry.value.as_slice())).collect()
    }

    /// The lines of the log so far.
    pub fn log(&self) -> &[(Level, String)] {
        &self.state.log
    }
}

impl Entry {
    fn is_alive(&self, now_ms: u64) -> bool {
        self.ends_at_ms.is_none_or(|end| now_ms < end)
    }
}

impl State {
    fn alive(&self, key: &str) -> Option<&Entry> {
        self.kv.get(key).filter(|entry| entry.is_alive(self.now_ms))
    }

    fn set(&mut self, key: &str, value: Vec<u8>, ends_at_ms: Option<u64>) {
        assert!(value.len() <= VALUE_BYTES_MAX, "the value of `{key}` has {} bytes", value.len());
        self.kv.insert(key.to_owned(), Entry { value, ends_at_ms });
    }

    fn end_of(&self, ttl_seconds: Option<u32>) -> Option<u64> {
        ttl_seconds.map(|ttl| self.now_ms + u64::from(ttl) * 1000)
    }
}

fn with<T>(call: impl FnOnce(&mut State) -> T) -> T {
    CURRENT.with_borrow_mut(|state| {
        call(state.as_mut().expect("a plugin's function is called in `mock::Host::run`"))
    })
}

fn with_key<T>(key: &str, call: impl FnOnce(&mut State) -> T) -> T {
    assert!((1..=KEY_BYTES_MAX).contains(&key.len()), "a key has 1 to {KEY_BYTES_MAX} bytes: `{key}`");
    with(call)
}

pub(crate) fn log(level: Level, line: &str) {
    with(|state| state.log.push((level, line.to_owned())));
}

pub(crate) fn config() -> String {
    with(|state| state.config.as_ref().map_or_else(|| "{}".to_owned(), Json::to_string))
}

pub(crate) fn secret(name: &str) -> Option<String> {
    with(|state| state.secrets.get(name).cloned())
}

pub(crate) fn now_ms() -> u64 {
    with(|state| state.now_ms)
}

/// SplitMix64: every seed gives good numbers, and the same ones each time.
pub(crate) fn random() -> u64 {
    with(|state| {
        state.seed = state.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state.seed ^ (state.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

pub(crate) fn kv_get(key: &str) -> Option<Vec<u8>> {
    with_key(key, |state| state.alive(key).map(|entry| entry.value.clone()))
}

pub(crate) fn kv_set(key: &str, value: &[u8], ttl_seconds: Option<u32>) {
    with_key(key, |state| state.set(key, value.to_owned(), state.end_of(ttl_seconds)));
}

pub(crate) fn kv_delete(key: &str) {
    with_key(key, |state| state.kv.remove(key));
}

pub(crate) fn kv_increment(key: &str, by: i64, ttl_seconds: Option<u32>) -> i64 {
    with_key(key, |state| {
        let (before, ends_at_ms) = match state.alive(key) {
            Some(entry) => (number(&entry.value), entry.ends_at_ms),
            None => (0, state.end_of(ttl_seconds)),
        };
        let sum = before.checked_add(by).expect("the sum fits 64 bits");
        state.set(key, sum.to_string().into_bytes(), ends_at_ms);
        sum
    })
}

fn number(value: &[u8]) -> i64 {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok()).expect("a key that is incremented holds a number")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::{Failure, host, kv};

    #[derive(Debug, PartialEq, Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        hours: u32,
    }

    #[test]
    fn a_configuration_is_read_and_an_unknown_key_named() {
        assert_eq!(Host::new().run(host::config), Ok(Settings { hours: 0 }));
        assert_eq!(Host::new().config(json!({"hours": 2})).run(host::config), Ok(Settings { hours: 2 }));
        let failure = Host::new().config(json!({"hour": 2})).run(host::config::<Settings>).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.is_retryable), ("bad_config", false));
        assert!(failure.detail.contains("`hour`") && failure.detail.contains("`hours`"), "{failure}");
    }

    #[test]
    fn a_secret_is_given_by_name_only() {
        let mut host = Host::new().secret("token", "s3cret");
        assert_eq!(host.run(|| host::secret("token")).as_deref(), Ok("s3cret"));
        let failure: Failure = host.run(|| host::secret("other")).unwrap_err();
        assert!(failure.code == "no_secret" && failure.detail.contains("`other`"), "{failure}");
    }

    #[test]
    fn state_lives_as_long_as_it_was_given() {
        let mut host = Host::new();
        host.run(|| {
            kv::set("ever", b"1", None);
            kv::set_json("minute", &json!({"a": 1}), Some(60)).unwrap();
            assert_eq!(kv::increment("sum", 2, Some(60)), 2);
        });
        let mut host = host.now_ms(59_999);
        assert_eq!(host.run(|| kv::increment("sum", -5, Some(60))), -3, "its time began with the key");
        assert_eq!(host.run(|| kv::get_json("minute")), Ok(Some(json!({"a": 1}))));
        let mut host = host.now_ms(60_000);
        assert_eq!(host.stored().into_iter().collect::<Vec<_>>(), [("ever", b"1".as_slice())]);
        host.run(|| kv::delete("ever"));
        assert_eq!((host.run(|| kv::get("ever")), host.run(|| kv::increment("sum", 1, None))), (None, 1));
    }

    #[test]
    fn numbers_are_the_same_for_the_same_seed_and_lines_are_kept() {
        let two = |seed| Host::new().seed(seed).run(|| (host::random(), host::random()));
        assert_eq!(two(1), two(1));
        assert!(two(1) != two(2) && two(1).0 != two(1).1);
        let mut host = Host::new();
        host.run(|| crate::warn!("{} left", 2));
        assert_eq!(host.log(), [(Level::Warn, "2 left".to_owned())]);
    }

    #[test]
    fn a_key_without_a_byte_ends_the_call_and_not_the_next_one() {
        let mut host = Host::new();
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.run(|| kv::get(""))));
        assert!(panics.is_err());
        assert_eq!(host.run(|| kv::get("a")), None);
    }
}
