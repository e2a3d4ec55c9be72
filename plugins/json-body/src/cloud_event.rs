//! The envelope of CloudEvents 1.0, structured mode.

use leadhook_plugin::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// The media type of one event in structured mode (CloudEvents HTTP protocol binding 1.0.2, section 3.2).
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// Attributes that are the webhook owner's to choose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// `source`; the site's id is appended.
    source: String,
    /// `type`; the trigger is appended.
    type_prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { source: "leadhook/sites/".to_owned(), type_prefix: "leadhook.".to_owned() }
    }
}

/// Wraps the fields in the attributes of CloudEvents 1.0.2, section 3.1.
pub(crate) fn wrap(settings: &Settings, delivery: &Delivery, fields: &Map<String, Json>) -> Json {
    let kind = match delivery.lead.kind() {
        LeadKind::Call => "call/",
        LeadKind::Request => "request/",
    };
    let source = [settings.source.as_str(), &delivery.site].concat();
    let event_type = [settings.type_prefix.as_str(), &delivery.trigger].concat();
    let subject = [kind, delivery.lead.id()].concat();
    json!({
        "specversion": "1.0",
        "id": delivery.id,
        "source": source,
        "type": event_type,
        "subject": subject,
        "time": rfc_3339(delivery.occurred_at_ms),
        "datacontenttype": "application/json",
        "data": fields,
    })
}

/// RFC 3339 in UTC of Unix milliseconds.
fn rfc_3339(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// The date of a day since 1970-01-01, in the Gregorian calendar: by years that begin in March, so that the
/// leap day is their last, in eras of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339_says() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_444_703_042, "2026-03-02T09:45:03.042Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc_3339(ms), expected);
        }
    }
}
