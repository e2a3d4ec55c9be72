//! Points in time: a [`Timestamp`] as clocks tell it, a [`Serial`] as the store numbers what it accepts.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Never taken from a clock in this crate: callers pass it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One day of 24 hours in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

impl Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Later by this many milliseconds (earlier if negative); stops at the ends of the range.
    #[must_use]
    pub fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// As RFC 3339 in UTC with milliseconds, `2026-02-26T17:03:37.000Z`.
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads RFC 3339 with any offset, in the years 1970 to 9999. `None` when it is not that.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        let milliseconds = time.timestamp_millis();
        (milliseconds >= 0).then_some(Self(milliseconds))
    }

    /// The same point for calendar arithmetic; outside chrono's range, its nearest end.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }
}

/// A number that grows with every lead, delivery and revision a store accepts, and tells when.
///
/// The upper 48 bits are the Unix time in milliseconds at which it was given out, the lower 16 count
/// within it. A store never gives out a smaller or equal one after a larger, even when the clock
/// goes back; so serials order what happened, keep B-tree inserts at the tail, and do not come again
/// when an older backup is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u64);

impl Serial {
    /// The first serial of that millisecond.
    pub fn at(time: Timestamp) -> Self {
        Self((time.0.max(0) as u64) << 16)
    }

    /// The serial to give out after `self` at `now`: of `now` where possible, else the next number.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self::at(now).max(Self(self.0.saturating_add(1)))
    }

    /// When it was given out.
    pub fn time(self) -> Timestamp {
        Timestamp((self.0 >> 16) as i64)
    }

    /// The UTC day it was given out on, counted from 1970-01-01.
    pub fn day(self) -> u32 {
        u32::try_from(self.time().0.div_euclid(DAY_MS)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_grow_even_when_the_clock_goes_back() {
        let first = Serial::default().next(Timestamp(5_000));
        let same_millisecond = first.next(Timestamp(5_000));
        let clock_went_back = same_millisecond.next(Timestamp(1_000));
        let later = clock_went_back.next(Timestamp(6_000));
        assert!(first < same_millisecond && same_millisecond < clock_went_back && clock_went_back < later);
        assert_eq!(later.time(), Timestamp(6_000));
        assert_eq!(clock_went_back.time(), Timestamp(5_000));
    }

    #[test]
    fn rfc3339_is_read_with_any_offset_and_written_in_utc() {
        let time = Timestamp::from_rfc3339("2026-02-26T20:03:37+03:00").unwrap();
        assert_eq!(time.to_rfc3339(), "2026-02-26T17:03:37.000Z");
        assert_eq!(Timestamp::from_rfc3339("2026-02-26 20:03"), None);
        assert_eq!(Timestamp::from_rfc3339("1960-01-01T00:00:00Z"), None);
    }
}
