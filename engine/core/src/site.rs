//! A site's settings: its zone, its country, and what counts as unique, as target and as working hours.

mod hours;
mod settings;

use std::collections::BTreeMap;

use chrono::Weekday;
use chrono_tz::Tz;

use crate::id::SiteId;

/// A tracked project of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its id, as the source names it.
    pub id: SiteId,
    /// 1 at the first save; each later save adds one.
    pub revision: u32,
    /// What people call it; at most 200 characters.
    pub name: String,
    /// Its IANA time zone; `Europe/Moscow` unless set.
    pub timezone: Tz,
    /// ISO 3166-1 alpha-2 in upper case; `RU` unless set. Decides how phones are written.
    pub country: String,
    /// The uniqueness depth in days of 24 hours, 1 to 730; 30 unless set.
    pub uniqueness_days: u32,
    /// Whether calls and requests count together for uniqueness; not unless set.
    pub cross_uniqueness: bool,
    /// The bounds of a target call.
    pub target_call: TargetCall,
    /// Weekly working hours; empty: always working.
    pub working_hours: WorkingHours,
    /// The query parameters of the landing URL that are sent as `add_url_params`; at most 50.
    pub tracked_url_params: Vec<String>,
    /// Whether `callUrl` is recorded; it is unless set.
    pub record_call_url: bool,
    /// Whether recordings may be linked; they may unless set.
    pub allow_reclink: bool,
    /// Whether `sip_call_id` goes out at the call's start; not unless set.
    pub sip_call_id_at_start: bool,
}

/// The talk time of a target call, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetCall {
    /// In seconds; 30 unless set.
    pub min_seconds: u32,
    /// In seconds; no upper bound unless set.
    pub max_seconds: Option<u32>,
}

/// Spans of working time by the weekday on which they begin (0 is Monday), by the wall clock of the site's zone.
/// With no weekday named it is always working time; a weekday named without spans is a day off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkingHours(pub BTreeMap<u8, Vec<Span>>);

/// One span of a day. An end at or before the start reaches past midnight into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Minutes after midnight, 0 to 1439; included.
    pub from_minute: u16,
    /// Minutes after midnight, 1 to 1440; excluded.
    pub to_minute: u16,
}

impl WorkingHours {
    /// The spans that begin on a weekday.
    pub fn on(&self, day: Weekday) -> &[Span] {
        let number = u8::try_from(day.num_days_from_monday()).unwrap_or(0);
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }
}
