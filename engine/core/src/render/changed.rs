//! `changedFields`: which parameters differ from the last delivered delivery of the lane (rule 5).

use crate::{catalogue::Parameter, delivery::Fingerprints, parameter::Value, render::Entry};

/// Names, as sent and comma-separated, of what differs: another value, sent now but not then, or the other way
/// round. A list is one name. Empty when nothing changed.
pub(super) fn names(entries: &[Entry<'_>], now: &Fingerprints, then: &Fingerprints) -> String {
    let mut names = String::new();
    for entry in entries {
        if sum_of(now, entry.parameter) == sum_of(then, entry.parameter) {
            continue;
        }
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(entry.sent_as);
    }
    names
}

fn sum_of(fingerprints: &Fingerprints, parameter: Parameter) -> Option<u64> {
    fingerprints.0.iter().find(|(known, _)| *known == parameter).map(|(_, sum)| *sum)
}

/// The sums of what is sent. `changedFields` and `sendingTimestamp` have none, since they differ in every sending.
pub(super) fn fingerprints(entries: &[Entry<'_>]) -> Fingerprints {
    let sum = |entry: &Entry<'_>| match entry.parameter {
        Parameter::ChangedFields | Parameter::SendingTimestamp => None,
        // Every rendering mints another link: only that there is one counts.
        Parameter::RecLink => (entry.valued.value != Value::Absent).then_some(1),
        _ => fingerprint(&entry.valued.value),
    };
    Fingerprints(entries.iter().filter_map(|entry| Some((entry.parameter, sum(entry)?))).collect())
}

fn fingerprint(value: &Value<'_>) -> Option<u64> {
    let mut sum = Sum::new();
    match value {
        Value::Absent => return None,
        Value::Text(text) => sum.add(text.as_bytes()),
        Value::List { records, .. } => {
            for (a, b) in records.iter() {
                // The lengths keep ("ab", "") apart from ("a", "b").
                sum.add(&(a.len() as u64).to_le_bytes());
                sum.add(a.as_bytes());
                sum.add(&(b.len() as u64).to_le_bytes());
                sum.add(b.as_bytes());
            }
        }
    }
    Some(sum.0)
}

/// FNV-1a with 64 bits: the same on every machine and in every version, which sums in stored rows must be.
/// (Nobody gains by a collision here: it would hide a change from the handler of whoever made it.)
struct Sum(u64);

impl Sum {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_published_fnv_1a_vectors() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fingerprint(&Value::Text(text.into())), Some(expected));
        }
    }

    #[test]
    fn records_that_read_alike_when_joined_have_different_sums() {
        let list = |a: &str, b: &str| Value::List {
            fields: ["name", "value"],
            records: vec![(a.to_owned(), b.to_owned())].into(),
        };
        assert_ne!(fingerprint(&list("ab", "")), fingerprint(&list("a", "b")));
    }
}
