//! Weekly working hours: how they are written, and whether a moment of the wall clock falls into them.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDateTime, Timelike};
use serde_json::{Map, Value, json};

use super::{Span, WorkingHours};
use crate::{fact::shorten, read::Reader};

/// The weekdays as they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The most spans that one weekday may have.
const SPANS_MAX: usize = 10;
/// Minutes from one midnight to the next, written `24:00`.
const DAY_MINUTES: u16 = 24 * 60;

impl WorkingHours {
    /// Whether it is working time at this moment of the site's wall clock (the contract, "Qualification",
    /// `worktime`). A span may reach past midnight, also from Sunday into Monday.
    pub fn is_working(&self, local: NaiveDateTime) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let minute = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(DAY_MINUTES);
        let today =
            |span: &Span| span.from_minute <= minute && (span.crosses_midnight() || minute < span.to_minute);
        let since_yesterday = |span: &Span| span.crosses_midnight() && minute < span.to_minute;
        let day = local.weekday();
        self.on(day).iter().any(today) || self.on(day.pred()).iter().any(since_yesterday)
    }

    /// Reads `{"mon": [["09:00", "18:00"]], …}`. Spans may overlap: what any of them holds is working time.
    pub(super) fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let mut fields = reader.object(value, "working_hours")?;
        let mut hours = BTreeMap::new();
        for (number, day) in (0..).zip(DAYS) {
            let path = fields.at(day);
            let Some(value) = fields.get_non_null(day) else { continue };
            hours.insert(number, crate::settings::each(value, &path, SPANS_MAX, reader, span));
        }
        fields.refuse_unknown(reader);
        let read_well = hours.into_iter().map(|(number, spans)| Some((number, spans?)));
        Some(Self(read_well.collect::<Option<_>>()?))
    }

    /// The hours in the form in which they are read.
    pub(super) fn to_json(&self) -> Value {
        let spans = |spans: &Vec<Span>| -> Value {
            spans.iter().map(|span| json!([clock(span.from_minute), clock(span.to_minute)])).collect()
        };
        let day = |(number, of_day): (&u8, &Vec<Span>)| {
            let name = DAYS.get(usize::from(*number))?;
            Some(((*name).to_owned(), spans(of_day)))
        };
        Value::Object(self.0.iter().filter_map(day).collect::<Map<_, _>>())
    }
}

impl Span {
    fn crosses_midnight(self) -> bool {
        self.to_minute <= self.from_minute
    }
}

fn span(value: &Value, path: &str, reader: &mut Reader) -> Option<Span> {
    let [from, to] = reader.array(value, path, 2)? else {
        return reader.fault(path, "bad_span", "a span is a start and an end, like [\"09:00\", \"18:00\"]");
    };
    let from = minute(from, &format!("{path}[0]"), reader);
    let to = minute(to, &format!("{path}[1]"), reader);
    let (from, to) = (from?, to?);
    if from == DAY_MINUTES {
        return reader.fault(format!("{path}[0]"), "bad_clock", "24:00 can only be an end; begin at 00:00");
    }
    // An end at 00:00 is the midnight at the end of the day.
    Some(Span { from_minute: from, to_minute: if to == 0 { DAY_MINUTES } else { to } })
}

/// Minutes after midnight of `HH:MM`, up to and with `24:00`.
fn minute(value: &Value, path: &str, reader: &mut Reader) -> Option<u16> {
    let text = reader.text(value, path)?;
    let minute = match text.as_bytes() {
        [h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) => {
            let number = |tens: u8, ones: u8| u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
            let (hours, minutes) = (number(*h1, *h2), number(*m1, *m2));
            Some(hours * 60 + minutes).filter(|minute| minutes < 60 && *minute <= DAY_MINUTES)
        }
        _ => None,
    };
    minute.or_else(|| {
        let detail = format!("`{}` is not a time of day from 00:00 to 24:00, like 09:00", shorten(text));
        reader.fault(path, "bad_clock", detail)
    })
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;

    fn read(value: &Value) -> WorkingHours {
        let mut reader = Reader::default();
        let hours = WorkingHours::read(value, &mut reader);
        reader.finish(hours).unwrap()
    }

    /// A moment of the week of Monday, 2 March 2026.
    fn at(day: u32, hour: u32, minute: u32) -> NaiveDateTime {
        chrono::NaiveDate::from_ymd_opt(2026, 3, 1 + day).unwrap().and_hms_opt(hour, minute, 59).unwrap()
    }

    #[test]
    fn a_span_holds_its_start_but_not_its_end() {
        let hours = read(&json!({ "mon": [["09:00", "13:00"], ["14:00", "18:00"]] }));
        assert_eq!(hours.on(Weekday::Mon).len(), 2);
        let rows = [
            (at(1, 8, 59), false),
            (at(1, 9, 0), true),
            (at(1, 12, 59), true),
            (at(1, 13, 0), false),
            (at(1, 14, 0), true),
            (at(1, 18, 0), false),
            (at(2, 10, 0), false),
        ];
        for (moment, working) in rows {
            assert_eq!(hours.is_working(moment), working, "{moment}");
        }
    }

    #[test]
    fn a_span_may_reach_past_midnight_also_over_the_end_of_the_week() {
        let hours = read(&json!({ "fri": [["22:00", "02:00"]], "sun": [["22:00", "06:30"]] }));
        let rows = [
            (at(5, 1, 0), false),
            (at(5, 21, 59), false),
            (at(5, 23, 0), true),
            (at(6, 1, 59), true),
            (at(6, 2, 0), false),
            (at(6, 23, 0), false),
            (at(7, 22, 0), true),
            (at(8, 6, 29), true),
            (at(8, 6, 30), false),
        ];
        for (moment, working) in rows {
            assert_eq!(hours.is_working(moment), working, "{moment}");
        }
    }

    #[test]
    fn the_end_of_a_day_is_24_00_and_an_end_equal_to_the_start_is_a_day_later() {
        let hours = read(
            &json!({ "mon": [["00:00", "24:00"]], "wed": [["18:00", "00:00"]], "fri": [["09:00", "09:00"]] }),
        );
        assert_eq!(hours.to_json()["wed"], json!([["18:00", "24:00"]]));
        let rows = [
            (at(1, 0, 0), true),
            (at(1, 23, 59), true),
            (at(2, 0, 0), false),
            (at(3, 23, 59), true),
            (at(4, 0, 0), false),
            (at(5, 9, 0), true),
            (at(6, 8, 59), true),
            (at(6, 9, 0), false),
        ];
        for (moment, working) in rows {
            assert_eq!(hours.is_working(moment), working, "{moment}");
        }
    }

    #[test]
    fn no_hours_set_is_always_working_time_but_a_day_without_spans_is_off() {
        assert!(read(&json!({})).is_working(at(7, 3, 0)));
        let hours = read(&json!({ "sat": [], "mon": [["09:00", "18:00"]] }));
        assert!(!hours.is_working(at(6, 12, 0)));
        assert!(!read(&json!({ "sun": [] })).is_working(at(7, 12, 0)));
    }

    #[test]
    fn what_is_not_a_span_is_refused_where_it_stands() {
        let rows = [
            (json!({ "mon": [["9:00", "18:00"]] }), "working_hours.mon[0][0]"),
            (json!({ "mon": [["09:00", "18:60"]] }), "working_hours.mon[0][1]"),
            (json!({ "mon": [["09:00", "24:01"]] }), "working_hours.mon[0][1]"),
            (json!({ "mon": [["24:00", "02:00"]] }), "working_hours.mon[0][0]"),
            (json!({ "mon": [["09:00"]] }), "working_hours.mon[0]"),
            (json!({ "mon": ["09:00"] }), "working_hours.mon[0]"),
            (json!({ "Mon": [] }), "working_hours.Mon"),
        ];
        for (value, path) in rows {
            let mut reader = Reader::default();
            let hours = WorkingHours::read(&value, &mut reader);
            let faults = reader.finish(hours).unwrap_err();
            assert_eq!(faults.0.len(), 1, "{value}: {faults}");
            assert_eq!(faults.0[0].path, path, "{value}");
        }
    }
}
