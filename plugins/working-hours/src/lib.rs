//! Holds deliveries back outside working hours: they wait for the next opening, or are dropped.

mod week;

use chrono::DateTime;
use chrono_tz::Tz;
use leadhook_plugin::prelude::*;
use serde::Deserialize;

leadhook_plugin::export! { transform: in_working_hours }

/// The link's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Spans of each day; a day that is not named is closed.
    hours: week::Hours,
    /// Dates that are closed, as `2026-01-01`.
    closed: Vec<String>,
    /// The zone of these hours; else the site's.
    timezone: Option<String>,
    /// What happens outside them.
    outside: Outside,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outside {
    /// Wait for the next opening.
    #[default]
    Defer,
    /// End as skipped.
    Skip,
}

fn in_working_hours(delivery: &Delivery, _request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let zone = settings.timezone.as_deref().or(delivery.lead.timezone()).unwrap_or("UTC");
    let zone: Tz = zone.parse().map_err(|_| bad(format!("there is no time zone `{zone}`")))?;
    let week = week::Week::new(&settings.hours, &settings.closed).map_err(bad)?;
    let now = i64::try_from(now_ms()).ok().and_then(DateTime::from_timestamp_millis);
    let now = now.ok_or_else(|| bad("the time is beyond the calendar".to_owned()))?.with_timezone(&zone);
    if week.is_open(&now) {
        return Ok(Verdict::Send);
    }
    if delivery.sample {
        leadhook_plugin::info!("outside working hours; a sample is sent all the same");
        return Ok(Verdict::Send);
    }
    match settings.outside {
        Outside::Skip => Ok(Verdict::Skip("outside working hours".to_owned())),
        Outside::Defer => {
            let opening = week
                .next_opening(&now)
                .ok_or_else(|| bad("`hours` name no opening within a year".to_owned()))?;
            let until_ms = u64::try_from(opening.timestamp_millis()).unwrap_or_default();
            Ok(Verdict::Defer { until_ms })
        }
    }
}

fn bad(detail: String) -> Failure {
    Failure::lasting("bad_config", detail)
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::{Value as Json, json};

    use super::*;

    fn verdict(now: &str, config: Json) -> Result<Verdict, Failure> {
        let now_ms = DateTime::parse_from_rfc3339(now).unwrap().timestamp_millis().try_into().unwrap();
        let lead = json!({
            "site": "1", "type": "call", "id": "1", "parameters": {}, "visits": [], "timezone": "Europe/Moscow"
        });
        let mut request = Request::post("https://crm.example/", [("id", "1")]);
        Host::new().config(config).now_ms(now_ms).run(|| in_working_hours(&Delivery::of(lead), &mut request))
    }

    fn until(time: &str) -> Result<Verdict, Failure> {
        let until_ms = DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis().try_into().unwrap();
        Ok(Verdict::Defer { until_ms })
    }

    fn office() -> Json {
        let day = json!([["09:00", "13:00"], ["14:00", "18:00"]]);
        json!({"hours": {"mon": day, "tue": day, "fri": [["22:00", "02:00"]]}, "closed": ["2026-03-10"]})
    }

    #[test]
    fn a_delivery_waits_for_the_next_opening() {
        // 2026-03-02 is a Monday.
        for (now, expected) in [
            ("2026-03-02T09:00:00+03:00", Ok(Verdict::Send)),
            ("2026-03-02T12:59:59+03:00", Ok(Verdict::Send)),
            ("2026-03-02T13:00:00+03:00", until("2026-03-02T14:00:00+03:00")),
            ("2026-03-02T18:00:00+03:00", until("2026-03-03T09:00:00+03:00")),
            ("2026-03-03T19:00:00+03:00", until("2026-03-06T22:00:00+03:00")),
            ("2026-03-07T01:59:59+03:00", Ok(Verdict::Send)),
            ("2026-03-07T02:00:00+03:00", until("2026-03-09T09:00:00+03:00")),
            ("2026-03-10T10:00:00+03:00", until("2026-03-13T22:00:00+03:00")),
        ] {
            assert_eq!(verdict(now, office()), expected, "{now}");
        }
    }

    #[test]
    fn hours_are_those_of_a_zone_also_when_its_clocks_change() {
        let config = |span: Json| json!({"timezone": "Europe/Berlin", "hours": {"sun": [span]}});
        // On 2026-03-29 the clocks go from 02:00 to 03:00.
        let expected = until("2026-03-29T07:00:00Z");
        assert_eq!(verdict("2026-03-28T12:00:00Z", config(json!(["09:00", "18:00"]))), expected);
        let expected = until("2026-03-29T01:00:00Z");
        assert_eq!(
            verdict("2026-03-28T12:00:00Z", config(json!(["02:30", "18:00"]))),
            expected,
            "the hour is left out"
        );
    }

    #[test]
    fn a_delivery_is_dropped_where_asked() {
        let mut config = office();
        config["outside"] = json!("skip");
        let skipped = Ok(Verdict::Skip("outside working hours".to_owned()));
        assert_eq!(verdict("2026-03-02T08:59:59+03:00", config), skipped);
    }

    #[test]
    fn a_sample_is_sent_at_any_time() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let delivery = Delivery { sample: true, ..Delivery::of(lead) };
        let mut request = Request::post("https://crm.example/", [("id", "1")]);
        let mut host = Host::new().config(office());
        assert_eq!(host.run(|| in_working_hours(&delivery, &mut request)), Ok(Verdict::Send));
        assert_eq!(host.log().len(), 1);
    }

    #[test]
    fn what_is_wrong_with_the_configuration_is_named() {
        for (config, word) in [
            (json!({"hours": {"mon": [["9", "18:00"]]}}), "`9`"),
            (json!({"hours": {"mon": [["09:00", "25:00"]]}}), "`25:00`"),
            (json!({"hours": {"mon": [["09:00", "09:00"]]}}), "`09:00`"),
            (json!({"hours": {"monday": []}}), "`monday`"),
            (json!({"closed": ["1.1.2026"]}), "`1.1.2026`"),
            (json!({"timezone": "Moscow"}), "`Moscow`"),
            (json!({"hours": {"mon": []}}), "no opening"),
        ] {
            let failure = verdict("2026-03-02T08:00:00Z", config).unwrap_err();
            assert!(failure.code == "bad_config" && failure.detail.contains(word), "{failure}");
        }
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
