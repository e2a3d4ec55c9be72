//! For how long what happened is kept.

use leadhook_core::retention::{DAYS_MAX, DAYS_MIN, Retention};

use super::{Sources, whole};

/// Reads both settings; `None` where they cannot be meant.
pub(super) fn retention(sources: &mut Sources) -> Option<Retention> {
    let mut days = |name| {
        sources.one(name, |text| {
            let days = whole(text, "days", u64::from(DAYS_MAX))?;
            match u32::try_from(days) {
                Ok(days) if days >= DAYS_MIN => Ok(days),
                _ => Err(format!(
                    "expected {DAYS_MIN} to {DAYS_MAX} days: a resend may reach {DAYS_MIN} days back"
                )),
            }
        })
    };
    let (leads_days, attempts_days) = (days("retention_leads_days"), days("retention_attempts_days"));
    let retention = Retention { leads_days: leads_days?, attempts_days: attempts_days? };
    match retention.check() {
        Ok(retention) => Some(retention),
        Err(faults) => {
            sources.faults.extend(faults.0);
            None
        }
    }
}
