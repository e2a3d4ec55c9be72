//! The keys that sign links to recordings: one signs, earlier ones still open what they signed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::LINK_DAYS_DEFAULT;
use crate::time::{DAY_MS, Timestamp};

/// The most keys of an account that open links at one time, the one that signs among them.
pub const RECORDING_KEYS_MAX: usize = 20;

/// One of an account's keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingKey {
    /// Its number among the account's keys, from 1; never given again.
    pub number: u32,
    /// What tokens are signed with (RFC 7518, section 3.2).
    pub secret: [u8; 32],
    /// When it was made; `None` for the one that an account begins with.
    pub made_at: Option<Timestamp>,
    /// When another took its place; `None` for the one that signs.
    pub retired_at: Option<Timestamp>,
}

impl fmt::Debug for RecordingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingKey").field("number", &self.number).finish_non_exhaustive()
    }
}

impl RecordingKey {
    /// The key that an account begins with.
    pub fn first(secret: [u8; 32]) -> Self {
        Self { number: 1, secret, made_at: None, retired_at: None }
    }

    /// When the last link that it signed expires; `None` while it signs.
    pub fn opens_until(&self) -> Option<Timestamp> {
        self.retired_at.map(|at| at.plus_ms(i64::from(LINK_DAYS_DEFAULT) * DAY_MS))
    }

    /// Whether a link that it signed may still open.
    pub fn opens_at(&self, now: Timestamp) -> bool {
        self.opens_until().is_none_or(|until| now < until)
    }
}

/// An account's keys after another took the place of the one that signs, the newest first; those whose links have all
/// expired are gone. `None` where that would be more than [`RECORDING_KEYS_MAX`].
pub fn rotated(keys: &[RecordingKey], secret: [u8; 32], now: Timestamp) -> Option<Vec<RecordingKey>> {
    let newest = keys.iter().map(|key| key.number).max().unwrap_or(0);
    let mut rotated = vec![RecordingKey { number: newest + 1, secret, made_at: Some(now), retired_at: None }];
    let earlier = keys.iter().filter(|key| key.opens_at(now));
    rotated
        .extend(earlier.map(|key| RecordingKey { retired_at: key.retired_at.or(Some(now)), ..key.clone() }));
    (rotated.len() <= RECORDING_KEYS_MAX).then_some(rotated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_772_125_417_000);

    #[test]
    fn another_key_signs_and_the_one_before_opens_as_long_as_its_links() {
        let keys = rotated(&[RecordingKey::first([1; 32])], [2; 32], NOW).unwrap();
        let [second, first] = keys.as_slice() else { panic!("{keys:?}") };
        assert_eq!((second.number, second.secret, second.opens_until()), (2, [2; 32], None));
        let last = NOW.plus_ms(30 * DAY_MS);
        assert_eq!((first.number, first.opens_until()), (1, Some(last)));
        assert!(first.opens_at(last.plus_ms(-1)) && !first.opens_at(last));
        assert!(second.opens_at(last));
    }

    #[test]
    fn keys_whose_links_have_expired_go_and_their_numbers_do_not_come_again() {
        let first = rotated(&[RecordingKey::first([1; 32])], [2; 32], NOW).unwrap();
        let later = rotated(&first, [3; 32], NOW.plus_ms(30 * DAY_MS)).unwrap();
        assert_eq!(later.iter().map(|key| key.number).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn keys_are_bounded() {
        let mut keys = vec![RecordingKey::first([0; 32])];
        while let Some(more) = rotated(&keys, [1; 32], NOW) {
            keys = more;
        }
        assert_eq!(keys.len(), RECORDING_KEYS_MAX);
        assert!(!format!("{keys:?}").contains("secret"));
    }
}
