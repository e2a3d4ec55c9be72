//! For how long what happened is kept.

use leadhook_core::retention::{DAYS_MAX, DAYS_MIN, Retention};

use super::{Sources, whole};

/// Reads the settings; `None` where they cannot be meant.
pub(super) fn retention(sources: &mut Sources) -> Option<Retention> {
    let leads_days = sources.one("retention_leads_days", days);
    let attempts_days = sources.one("retention_attempts_days", days);
    let bodies_days = sources.optional("retention_bodies_days", days)?;
    let attempts_days = attempts_days?;
    // Bodies go with their deliveries where nothing else is said.
    let bodies_days = bodies_days.unwrap_or(attempts_days);
    let retention = Retention { leads_days: leads_days?, attempts_days, bodies_days };
    match retention.check() {
        Ok(retention) => Some(retention),
        Err(faults) => {
            sources.faults.extend(faults.0);
            None
        }
    }
}

fn days(text: &str) -> Result<u32, String> {
    let days = whole(text, "days", u64::from(DAYS_MAX))?;
    match u32::try_from(days) {
        Ok(days) if days >= DAYS_MIN => Ok(days),
        _ => Err(format!("expected {DAYS_MIN} to {DAYS_MAX} days: a resend may reach {DAYS_MIN} days back")),
    }
}
