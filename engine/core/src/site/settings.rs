//! Reads and writes a site's settings as JSON.

use serde_json::{Value, json};

use chrono_tz::{TZ_VARIANTS, Tz};

use super::{Site, TargetCall, WorkingHours};
use crate::{
    fact::shorten,
    fault::Faults,
    id::SiteId,
    read::Reader,
    settings::{each, number, or, text},
};

/// The most characters a site's name may have.
const NAME_CHARACTERS_MAX: usize = 200;
/// The deepest uniqueness, in days.
const UNIQUENESS_DAYS_MAX: u32 = 730;
/// The longest bound of a target call, in seconds: one day.
const TARGET_CALL_SECONDS_MAX: u32 = 86_400;
/// The most query parameters that a site may track.
const TRACKED_MAX: usize = 50;
/// The most characters such a parameter's name may have.
const TRACKED_CHARACTERS_MAX: usize = 100;

impl Site {
    /// A site about which nothing was set: named by its id, every setting at its default.
    pub fn new(id: SiteId) -> Self {
        Self {
            name: id.to_string(),
            id,
            revision: 1,
            timezone: Tz::Europe__Moscow,
            country: "RU".to_owned(),
            uniqueness_days: 30,
            cross_uniqueness: false,
            target_call: TargetCall { min_seconds: 30, max_seconds: None },
            working_hours: WorkingHours::default(),
            tracked_url_params: Vec::new(),
            record_call_url: true,
            allow_reclink: true,
            sip_call_id_at_start: false,
        }
    }

    /// Reads a site's settings, whole: what is left out gets its default. `id` and `revision` may stand
    /// among them, so that what was answered can be sent back: an `id` must be this one, a `revision` does
    /// not count. Refused, with every fault at once: fields that do not exist and values out of the ranges
    /// that [`Site`] tells.
    pub fn parse(id: SiteId, revision: u32, value: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let site = read(id, revision, value, &mut reader);
        reader.finish(site)
    }

    /// The site as the interface answers it, with nothing left out.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "revision": self.revision,
            "name": self.name,
            "timezone": self.timezone.name(),
            "country": self.country,
            "uniqueness_days": self.uniqueness_days,
            "cross_uniqueness": self.cross_uniqueness,
            "target_call": {
                "min_seconds": self.target_call.min_seconds,
                "max_seconds": self.target_call.max_seconds,
            },
            "working_hours": self.working_hours.to_json(),
            "tracked_url_params": self.tracked_url_params,
            "record_call_url": self.record_call_url,
            "allow_reclink": self.allow_reclink,
            "sip_call_id_at_start": self.sip_call_id_at_start,
        })
    }
}

fn read(id: SiteId, revision: u32, value: &Value, reader: &mut Reader) -> Option<Site> {
    let unset = Site::new(id);
    let mut fields = reader.object(value, "")?;
    if let Some(given) = fields.get_non_null("id")
        && given.as_str() != Some(unset.id.as_str())
    {
        reader.fault::<()>("id", "wrong_id", format!("these are the settings of site `{}`", unset.id));
    }
    if let Some(given) = fields.get_non_null("revision") {
        number(given, "revision", 0..=u32::MAX, reader);
    }
    let name = or(fields.get_non_null("name"), unset.name, |value| {
        text(value, "name", 1..=NAME_CHARACTERS_MAX, reader)
    });
    let timezone = or(fields.get_non_null("timezone"), unset.timezone, |value| timezone(value, reader));
    let country = or(fields.get_non_null("country"), unset.country, |value| country(value, reader));
    let uniqueness_days = or(fields.get_non_null("uniqueness_days"), unset.uniqueness_days, |value| {
        number(value, "uniqueness_days", 1..=UNIQUENESS_DAYS_MAX, reader)
    });
    let target_call = or(fields.get_non_null("target_call"), unset.target_call, |value| {
        target_call(value, unset.target_call, reader)
    });
    let working_hours = or(fields.get_non_null("working_hours"), unset.working_hours, |value| {
        WorkingHours::read(value, reader)
    });
    let tracked_url_params = or(fields.get_non_null("tracked_url_params"), Vec::new(), |value| {
        each(value, "tracked_url_params", TRACKED_MAX, reader, |item, path, reader| {
            text(item, path, 1..=TRACKED_CHARACTERS_MAX, reader)
        })
    });
    let mut flag = |name: &'static str, default: bool| {
        or(fields.get_non_null(name), default, |value| reader.boolean(value, name))
    };
    let cross_uniqueness = flag("cross_uniqueness", unset.cross_uniqueness);
    let record_call_url = flag("record_call_url", unset.record_call_url);
    let allow_reclink = flag("allow_reclink", unset.allow_reclink);
    let sip_call_id_at_start = flag("sip_call_id_at_start", unset.sip_call_id_at_start);
    fields.refuse_unknown(reader);
    Some(Site {
        id: unset.id,
        revision,
        name: name?,
        timezone: timezone?,
        country: country?,
        uniqueness_days: uniqueness_days?,
        cross_uniqueness: cross_uniqueness?,
        target_call: target_call?,
        working_hours: working_hours?,
        tracked_url_params: tracked_url_params?,
        record_call_url: record_call_url?,
        allow_reclink: allow_reclink?,
        sip_call_id_at_start: sip_call_id_at_start?,
    })
}

fn timezone(value: &Value, reader: &mut Reader) -> Option<Tz> {
    let name = reader.text(value, "timezone")?;
    name.parse().ok().or_else(|| {
        let near = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
        let example = near.map_or("Europe/Moscow", |zone| zone.name());
        let detail = format!("`{}` is not an IANA time zone; write one like `{example}`", shorten(name));
        reader.fault("timezone", "unknown_timezone", detail)
    })
}

fn country(value: &Value, reader: &mut Reader) -> Option<String> {
    let text = reader.text(value, "country")?;
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return reader.fault("country", "bad_country", "a country is two letters of ISO 3166-1, like `RU`");
    }
    Some(text.to_ascii_uppercase())
}

fn target_call(value: &Value, unset: TargetCall, reader: &mut Reader) -> Option<TargetCall> {
    let mut fields = reader.object(value, "target_call")?;
    let min_seconds = or(fields.get_non_null("min_seconds"), unset.min_seconds, |value| {
        number(value, "target_call.min_seconds", 0..=TARGET_CALL_SECONDS_MAX, reader)
    });
    let max_seconds = or(fields.get_non_null("max_seconds"), unset.max_seconds, |value| {
        number(value, "target_call.max_seconds", 0..=TARGET_CALL_SECONDS_MAX, reader).map(Some)
    });
    fields.refuse_unknown(reader);
    let (min_seconds, max_seconds) = (min_seconds?, max_seconds?);
    if max_seconds.is_some_and(|max_seconds| max_seconds < min_seconds) {
        let detail =
            format!("no call could be a target call: less than `min_seconds`, which is {min_seconds}");
        return reader.fault("target_call.max_seconds", "out_of_range", detail);
    }
    Some(TargetCall { min_seconds, max_seconds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> SiteId {
        SiteId::new("60001").unwrap()
    }

    #[test]
    fn nothing_set_is_the_default_site() {
        assert_eq!(Site::parse(id(), 1, &json!({})), Ok(Site::new(id())));
    }

    #[test]
    fn a_site_is_read_back_from_what_it_is_written_as() {
        let value = json!({
            "name": "Окна", "timezone": "Asia/Yekaterinburg", "country": "kz", "uniqueness_days": 730,
            "cross_uniqueness": true, "target_call": { "min_seconds": 10, "max_seconds": 600 },
            "working_hours": { "mon": [["09:00", "18:00"]], "fri": [["20:00", "24:00"], ["22:00", "02:00"]], "sun": [] },
            "tracked_url_params": ["abtest"], "record_call_url": false, "allow_reclink": false, "sip_call_id_at_start": true,
        });
        let site = Site::parse(id(), 3, &value).unwrap();
        let written = site.to_json();
        for (name, given) in value.as_object().unwrap().iter().filter(|(name, _)| *name != "country") {
            assert_eq!(&written[name], given, "{name}");
        }
        assert_eq!(
            (&written["country"], &written["id"], &written["revision"]),
            (&json!("KZ"), &json!("60001"), &json!(3))
        );
        assert_eq!(Site::parse(id(), 4, &written), Ok(Site { revision: 4, ..site }));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let rows = [
            (json!({ "id": "60002" }), "id", "wrong_id"),
            (json!({ "name": "" }), "name", "empty"),
            (json!({ "timezone": "MSK" }), "timezone", "unknown_timezone"),
            (json!({ "country": "RUS" }), "country", "bad_country"),
            (json!({ "country": "Р" }), "country", "bad_country"),
            (json!({ "uniqueness_days": 0 }), "uniqueness_days", "out_of_range"),
            (json!({ "uniqueness_days": 731 }), "uniqueness_days", "out_of_range"),
            (json!({ "target_call": { "max_seconds": 29 } }), "target_call.max_seconds", "out_of_range"),
            (json!({ "target_call": { "min": 29 } }), "target_call.min", "unknown_field"),
            (json!({ "tracked_url_params": ["a", ""] }), "tracked_url_params[1]", "empty"),
            (json!({ "allow_reclink": "no" }), "allow_reclink", "wrong_type"),
            (json!({ "time_zone": "Europe/Moscow" }), "time_zone", "unknown_field"),
        ];
        for (value, path, code) in rows {
            let faults = Site::parse(id(), 1, &value).unwrap_err();
            let found: Vec<_> =
                faults.0.iter().map(|fault| (fault.path.as_str(), fault.code.as_str())).collect();
            assert_eq!(found, [(path, code)], "{value}");
        }
        assert_eq!(Site::parse(id(), 1, &json!({ "name": 1, "country": 1, "x": 1 })).unwrap_err().0.len(), 3);
    }

    #[test]
    fn an_unknown_time_zone_is_answered_with_one_that_exists() {
        let told = |name: &str| Site::parse(id(), 1, &json!({ "timezone": name })).unwrap_err().to_string();
        assert!(told("MSK+3").contains("`Europe/Moscow`"));
        assert!(told("asia/yekaterinburg").contains("`Asia/Yekaterinburg`"));
    }

    proptest! {
        #[test]
        fn whatever_hours_are_set_are_read_back(spans in prop::collection::vec((0..7_u8, 0..1440_u16, 1..=1440_u16), 0..8)) {
            let mut site = Site::new(id());
            for (day, from_minute, to_minute) in spans {
                site.working_hours.0.entry(day).or_default().push(super::super::Span { from_minute, to_minute });
            }
            prop_assert_eq!(Site::parse(id(), 1, &site.to_json()), Ok(site));
        }
    }
}
