//! Settings by which webhooks that fail are dealt with.

use super::Sources;

/// The most days of nothing but failure after which a webhook is switched off.
const SWITCH_OFF_AFTER_DAYS_MAX: u32 = 365;

/// After how many days of nothing but failure a webhook is switched off; the inner `None`: never.
pub(super) fn switch_off_after_days(sources: &mut Sources) -> Option<Option<u32>> {
    sources.one("switch_off_after_days", |text| match text.parse() {
        Ok(0) => Ok(None),
        Ok(days @ 1..=SWITCH_OFF_AFTER_DAYS_MAX) => Ok(Some(days)),
        _ => {
            Err(format!("expected a whole number of days, 1 to {SWITCH_OFF_AFTER_DAYS_MAX}, or 0 for never"))
        }
    })
}
