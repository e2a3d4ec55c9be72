//! What an account may use: events, webhooks, plugins, storage, its weight, and what its plugins' calls may use.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::read::Reader;

/// The most of each quota that an operator can give.
pub mod max {
    /// Events a second.
    pub const EVENTS_PER_SECOND: u32 = 1_000_000;
    /// Webhooks.
    pub const WEBHOOKS: u32 = 100_000;
    /// Plugins.
    pub const PLUGINS: u32 = 10_000;
    /// Bytes: as many as JSON's numbers hold everywhere.
    pub const STORED_BYTES: u64 = (1 << 53) - 1;
    /// Weight.
    pub const WEIGHT: u32 = 100;
    /// Millions of fuel of a plugin's call.
    pub const PLUGIN_FUEL_MILLIONS: u32 = 1_000;
    /// Milliseconds of a plugin's call.
    pub const PLUGIN_DEADLINE_MS: u32 = 1_000;
    /// MiB of a plugin's call.
    pub const PLUGIN_MEMORY_MIB: u32 = 256;
    /// KiB that go into a plugin's call, and that come out.
    pub const PLUGIN_EXCHANGE_KIB: u32 = 1_024;
}

/// What an account may use. What is `None` is not limited, or as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quotas {
    /// Events a second on average, 1 to [`max::EVENTS_PER_SECOND`].
    pub events_per_second: Option<u32>,
    /// Events that may come at once after a pause; as many as two seconds bring, and 100 at least, unless given.
    pub events_burst: Option<u32>,
    /// Webhooks that are not deleted, up to [`max::WEBHOOKS`].
    pub webhooks: u32,
    /// Plugins of its own, up to [`max::PLUGINS`].
    pub plugins: u32,
    /// Bytes stored, as the store estimates them, up to [`max::STORED_BYTES`].
    pub stored_bytes: Option<u64>,
    /// Its share among accounts that send at the same time, 1 to [`max::WEIGHT`].
    pub weight: u32,
    /// Fuel of a plugin's call, in millions, 1 to [`max::PLUGIN_FUEL_MILLIONS`].
    pub plugin_fuel_millions: Option<u32>,
    /// Time of a plugin's call, in milliseconds, 1 to [`max::PLUGIN_DEADLINE_MS`].
    pub plugin_deadline_ms: Option<u32>,
    /// Memory of a plugin's call, in MiB, 1 to [`max::PLUGIN_MEMORY_MIB`].
    pub plugin_memory_mib: Option<u32>,
    /// What may go into a plugin's call and what may come out, in KiB each, 1 to [`max::PLUGIN_EXCHANGE_KIB`].
    pub plugin_exchange_kib: Option<u32>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            events_per_second: None,
            events_burst: None,
            webhooks: 1_000,
            plugins: 200,
            stored_bytes: None,
            weight: 1,
            plugin_fuel_millions: None,
            plugin_deadline_ms: None,
            plugin_memory_mib: None,
            plugin_exchange_kib: None,
        }
    }
}

impl Quotas {
    /// How many events may come at once, at a rate.
    pub fn burst(&self, per_second: u32) -> u32 {
        self.events_burst.unwrap_or_else(|| per_second.saturating_mul(2).max(100))
    }

    /// Takes over what is given in JSON; `null` stands for the usual. `None` where a number is wrong.
    pub fn read(&mut self, reader: &mut Reader, input: &Value, path: &str) -> Option<()> {
        let usual = Self::default();
        let mut fields = reader.object(input, path)?;
        let mut is_good = true;
        let mut limit = |reader: &mut Reader, name: &'static str, least: u64, most: u64| {
            let given = fields.get(name)?;
            if given.is_null() {
                return Some(None);
            }
            let range = bounded(least)..=bounded(most);
            let number = reader.integer(given, fields.path_of(name), range);
            is_good &= number.is_some();
            number.map(|number| u64::try_from(number).ok())
        };
        let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let mut small = |reader: &mut Reader, name, least: u32, most: u32| {
            limit(reader, name, u64::from(least), u64::from(most)).map(narrow)
        };
        let optional = [
            ("events_per_second", &mut self.events_per_second, max::EVENTS_PER_SECOND),
            ("events_burst", &mut self.events_burst, max::EVENTS_PER_SECOND),
            ("plugin_fuel_millions", &mut self.plugin_fuel_millions, max::PLUGIN_FUEL_MILLIONS),
            ("plugin_deadline_ms", &mut self.plugin_deadline_ms, max::PLUGIN_DEADLINE_MS),
            ("plugin_memory_mib", &mut self.plugin_memory_mib, max::PLUGIN_MEMORY_MIB),
            ("plugin_exchange_kib", &mut self.plugin_exchange_kib, max::PLUGIN_EXCHANGE_KIB),
        ];
        for (name, quota, most) in optional {
            if let Some(given) = small(reader, name, 1, most) {
                *quota = given;
            }
        }
        let always = [
            ("webhooks", &mut self.webhooks, usual.webhooks, 0, max::WEBHOOKS),
            ("plugins", &mut self.plugins, usual.plugins, 0, max::PLUGINS),
            ("weight", &mut self.weight, usual.weight, 1, max::WEIGHT),
        ];
        for (name, quota, usual, least, most) in always {
            if let Some(given) = small(reader, name, least, most) {
                *quota = given.unwrap_or(usual);
            }
        }
        if let Some(given) = limit(reader, "stored_bytes", 1, max::STORED_BYTES) {
            self.stored_bytes = given;
        }
        fields.refuse_unknown(reader);
        is_good.then_some(())
    }

    /// As the API shows them: what is not limited, or as the engine has it, is `null`.
    pub fn to_json(&self) -> Value {
        json!({
            "events_per_second": self.events_per_second,
            "events_burst": self.events_burst,
            "webhooks": self.webhooks,
            "plugins": self.plugins,
            "stored_bytes": self.stored_bytes,
            "weight": self.weight,
            "plugin_fuel_millions": self.plugin_fuel_millions,
            "plugin_deadline_ms": self.plugin_deadline_ms,
            "plugin_memory_mib": self.plugin_memory_mib,
            "plugin_exchange_kib": self.plugin_exchange_kib,
        })
    }

    /// The names of the quotas in which these differ.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let (these, others) = (self.to_json(), other.to_json());
        let fields = these.as_object().into_iter().flatten();
        fields
            .filter(|(name, value)| others[*name] != **value)
            .map(|(name, _)| format!("quotas.{name}"))
            .collect()
    }
}

fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A token bucket of events: so many a second, unused ones saved up to a burst. What is larger than the burst is let
/// through when the bucket is full, and paid off by those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// In thousandths of an event.
    saved: i64,
    at_ms: i64,
}

impl Bucket {
    /// A full one.
    pub fn full(burst: u32, now_ms: i64) -> Self {
        Self { saved: i64::from(burst) * 1_000, at_ms: now_ms }
    }

    /// Takes `count` events out; where there are too few, the milliseconds after which there will be enough. A clock that
    /// was moved back gives nothing and takes nothing.
    pub fn take(&mut self, count: u32, per_second: u32, burst: u32, now_ms: i64) -> Result<(), i64> {
        let (per_second, most) = (i64::from(per_second.max(1)), i64::from(burst.max(1)) * 1_000);
        let passed = now_ms.saturating_sub(self.at_ms).max(0);
        self.saved = self.saved.saturating_add(passed.saturating_mul(per_second)).min(most);
        self.at_ms = now_ms;
        let wanted = i64::from(count) * 1_000;
        let missing = wanted.min(most) - self.saved;
        if missing > 0 {
            return Err((missing + per_second - 1) / per_second);
        }
        self.saved -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_out_of_range_is_told_by_name_and_changes_nothing_else() {
        let mut reader = Reader::default();
        let mut quotas = Quotas::default();
        let input = json!({
            "events_per_second": 0, "webhooks": -1, "plugins": "7", "stored_bytes": 1.5, "weight": 101,
            "plugin_fuel_millions": 1001, "speed": 1, "events_burst": 9,
        });
        assert_eq!(quotas.read(&mut reader, &input, "quotas"), None);
        assert_eq!(reader.finish::<()>(None).unwrap_err().0.len(), 7);
        assert_eq!(quotas, Quotas { events_burst: Some(9), ..Quotas::default() });
    }

    #[test]
    fn what_is_shown_can_be_given_back() {
        let shown = Quotas { stored_bytes: Some(max::STORED_BYTES), weight: 4, ..Quotas::default() };
        let mut read = Quotas::default();
        assert_eq!(read.read(&mut Reader::default(), &shown.to_json(), ""), Some(()));
        assert_eq!(read, shown);
        assert_eq!(Quotas::default().differing(&shown), ["quotas.stored_bytes", "quotas.weight"]);
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut bucket = Bucket::full(10, 0);
        assert_eq!(bucket.take(10, 5, 10, 0), Ok(()));
        assert_eq!(bucket.take(1, 5, 10, 0), Err(200));
        assert_eq!(bucket.take(1, 5, 10, 200), Ok(()));
        assert_eq!(bucket.take(1, 5, 10, 100), Err(200), "the clock went back");
        assert_eq!(bucket.take(1, 5, 10, 300), Ok(()));
    }

    #[test]
    fn more_than_a_burst_passes_when_the_bucket_is_full_and_is_paid_off() {
        let mut bucket = Bucket::full(10, 0);
        assert_eq!(bucket.take(100, 10, 10, 0), Ok(()));
        assert_eq!(bucket.take(1, 10, 10, 0), Err(9_100));
        assert_eq!(bucket.take(1, 10, 10, 9_100), Ok(()));
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_passes_than_burst_and_rate(
            steps in prop::collection::vec((0..500i64, 1..5u32), 1..200), per_second in 1..50u32, burst in 5..50u32,
        ) {
            let mut bucket = Bucket::full(burst, 0);
            let (mut now, mut passed) = (0, 0);
            for (pause, count) in steps {
                now += pause;
                match bucket.take(count, per_second, burst, now) {
                    Ok(()) => passed += i64::from(count),
                    Err(wait) => {
                        let mut later = bucket;
                        prop_assert_eq!(later.take(count, per_second, burst, now + wait), Ok(()));
                    }
                }
                prop_assert!(passed * 1_000 <= i64::from(burst) * 1_000 + now * i64::from(per_second));
            }
        }
    }
}
