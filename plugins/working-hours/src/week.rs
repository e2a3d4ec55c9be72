//! Weekly hours by the wall clock of a zone.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike,
};
use chrono_tz::Tz;
use serde::Deserialize;

/// How far ahead an opening is looked for, in days.
const DAYS_AHEAD_MAX: u64 = 366;

/// Spans of each day as written: `24:00` and past midnight are allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hours {
    mon: Vec<(String, String)>,
    tue: Vec<(String, String)>,
    wed: Vec<(String, String)>,
    thu: Vec<(String, String)>,
    fri: Vec<(String, String)>,
    sat: Vec<(String, String)>,
    sun: Vec<(String, String)>,
}

/// Spans in minutes from a day's midnight, from Monday on; one past midnight ends after 24 × 60.
#[derive(Debug)]
pub(crate) struct Week {
    days: [Vec<(u32, u32)>; 7],
    closed: Vec<NaiveDate>,
}

impl Week {
    /// Reads the hours; the error names what is not understood.
    pub(crate) fn new(hours: &Hours, closed: &[String]) -> Result<Self, String> {
        let days = [&hours.mon, &hours.tue, &hours.wed, &hours.thu, &hours.fri, &hours.sat, &hours.sun];
        let mut read = [const { Vec::new() }; 7];
        for (day, spans) in read.iter_mut().zip(days) {
            *day = spans.iter().map(span).collect::<Result<_, _>>()?;
            day.sort_unstable();
        }
        let date =
            |text: &String| text.parse().map_err(|_| format!("`{text}` is not a date such as 2026-01-01"));
        Ok(Self { days: read, closed: closed.iter().map(date).collect::<Result<_, _>>()? })
    }

    /// Whether it is open: in a span of this day, or in one of yesterday that goes past midnight.
    pub(crate) fn is_open(&self, now: &DateTime<Tz>) -> bool {
        let minute = now.hour() * 60 + now.minute();
        let today = now.date_naive();
        let is_in = |date: Option<NaiveDate>, minute: u32| {
            date.is_some_and(|date| self.spans(date).iter().any(|(from, to)| (*from..*to).contains(&minute)))
        };
        is_in(Some(today), minute) || is_in(today.pred_opt(), minute + MINUTES_OF_DAY)
    }

    /// When it opens next, if it does within a year.
    pub(crate) fn next_opening(&self, now: &DateTime<Tz>) -> Option<DateTime<Tz>> {
        (0..=DAYS_AHEAD_MAX).find_map(|ahead| {
            let date = now.date_naive().checked_add_days(Days::new(ahead))?;
            let openings = self.spans(date).iter().filter_map(|(from, _)| {
                first_moment(
                    now.timezone(),
                    date.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(i64::from(*from)),
                )
            });
            openings.filter(|opening| opening > now).min()
        })
    }

    fn spans(&self, date: NaiveDate) -> &[(u32, u32)] {
        let day = date.weekday().num_days_from_monday() as usize;
        if self.closed.contains(&date) { &[] } else { self.days.get(day).map_or(&[], Vec::as_slice) }
    }
}

const MINUTES_OF_DAY: u32 = 24 * 60;

/// The first moment at which clocks show this time, or a later one where they leap over it.
fn first_moment(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Tz>> {
    // Clocks leap by a few hours at most; a whole day was left out a few times, far from here.
    let quarters = (0..=96).map(|quarter| local + TimeDelta::minutes(15 * quarter));
    quarters.into_iter().find_map(|local| match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment),
        LocalResult::None => None,
    })
}

fn span((from, to): &(String, String)) -> Result<(u32, u32), String> {
    let (start, end) = (minute(from)?, minute(to)?);
    match end {
        _ if start == end => Err(format!("the span from `{from}` to `{to}` is empty")),
        _ if start >= MINUTES_OF_DAY => Err(format!("a span does not begin at `{from}`")),
        end if end < start => Ok((start, end + MINUTES_OF_DAY)),
        end => Ok((start, end)),
    }
}

/// `09:00` as minutes; up to `24:00`.
fn minute(text: &str) -> Result<u32, String> {
    let part = |text: &str| (text.len() == 2).then(|| text.parse::<u32>().ok()).flatten();
    let parts = text.split_once(':').and_then(|(hour, minute)| Some((part(hour)?, part(minute)?)));
    match parts {
        Some((hour, minute)) if minute < 60 && hour * 60 + minute <= MINUTES_OF_DAY => Ok(hour * 60 + minute),
        _ => Err(format!("`{text}` is not a time such as 09:00, up to 24:00")),
    }
}
