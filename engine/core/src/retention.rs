//! How long what happened is kept.

use crate::{
    fault::{Fault, Faults},
    time::{DAY_MS, Timestamp},
};

/// The fewest days for which anything is kept: a resend may ask for a period of that length (the contract, "Resend").
pub const DAYS_MIN: u32 = 31;
/// The most days that can be set: a hundred years.
pub const DAYS_MAX: u32 = 36_500;

/// For how many days what happened is kept, by UTC days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Leads with their history, by the day of their arrival; and with them the ids of their events and the traces of
    /// their clients, so that uniqueness looks no further back than this.
    pub leads_days: u32,
    /// Deliveries that ended, with their attempts, by the day on which they became owed.
    pub attempts_days: u32,
    /// The bodies of their requests and of the answers, and what stood in the query of a GET, by the same day.
    pub bodies_days: u32,
}

impl Default for Retention {
    /// Two years of leads and one of deliveries with their bodies.
    fn default() -> Self {
        Self { leads_days: 730, attempts_days: 365, bodies_days: 365 }
    }
}

impl Retention {
    /// Everything that cannot be meant, each under the name of its setting.
    pub fn check(self) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        for (name, days) in [
            ("retention_leads_days", self.leads_days),
            ("retention_attempts_days", self.attempts_days),
            ("retention_bodies_days", self.bodies_days),
        ] {
            if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
                let detail = format!(
                    "expected {DAYS_MIN} to {DAYS_MAX} days: a resend may reach {DAYS_MIN} days back"
                );
                faults.push(Fault::new(name, "out_of_range", detail));
            }
        }
        if faults.is_empty() && self.leads_days < self.attempts_days {
            let detail = format!(
                "leads are to be kept at least as long as their deliveries, which are kept for {} days",
                self.attempts_days
            );
            faults.push(Fault::new("retention_leads_days", "leads_go_first", detail));
        }
        if faults.is_empty() && self.attempts_days < self.bodies_days {
            let detail = format!(
                "bodies go with their deliveries at the latest, which are kept for {} days",
                self.attempts_days
            );
            faults.push(Fault::new("retention_bodies_days", "deliveries_go_first", detail));
        }
        if faults.is_empty() { Ok(self) } else { Err(Faults(faults)) }
    }

    /// The first UTC day, since 1970, of whose deliveries all are kept.
    pub fn attempts_from(self, now: Timestamp) -> u32 {
        first_day(now, self.attempts_days)
    }

    /// The first UTC day, since 1970, of whose deliveries all bodies are kept.
    pub fn bodies_from(self, now: Timestamp) -> u32 {
        first_day(now, self.bodies_days)
    }

    /// The first UTC day, since 1970, of whose leads all are kept.
    pub fn leads_from(self, now: Timestamp) -> u32 {
        first_day(now, self.leads_days)
    }
}

fn first_day(now: Timestamp, days: u32) -> u32 {
    u32::try_from(now.0.div_euclid(DAY_MS) - i64::from(days)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(leads_days: u32, attempts_days: u32, bodies_days: u32) -> Vec<String> {
        let checked = Retention { leads_days, attempts_days, bodies_days }.check();
        checked.err().map_or_else(Vec::new, |faults| {
            faults.0.into_iter().map(|fault| fault.code.to_string()).collect()
        })
    }

    #[test]
    fn nothing_is_kept_for_less_than_a_resend_may_ask_for() {
        assert_eq!(faults(31, 31, 31), [""; 0]);
        assert_eq!(faults(30, 30, 30), ["out_of_range"; 3]);
        assert_eq!(faults(36_501, 31, 31), ["out_of_range"]);
        assert_eq!(faults(40, 41, 31), ["leads_go_first"]);
        assert_eq!(faults(60, 40, 41), ["deliveries_go_first"]);
    }

    #[test]
    fn a_day_is_kept_until_the_last_of_it_is_old_enough() {
        let keep = Retention { leads_days: 40, attempts_days: 31, bodies_days: 31 };
        let (start, end) = (Timestamp(100 * DAY_MS), Timestamp(101 * DAY_MS - 1));
        assert_eq!((keep.leads_from(start), keep.attempts_from(end)), (60, 69));
        assert_eq!(keep.leads_from(Timestamp(0)), 0);
    }
}
