//! The breakers of plugins: one for each function of a plugin in a webhook, fed by faults of the plugin's own.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use leadhook_core::{
    breaker::{Breaker, Permit},
    id::{AccountId, WebhookId},
    plugin::{Decided, Run, Step},
    time::Timestamp,
};

/// A function of a plugin in a webhook: a transform that works must not make up for a filter that never does.
type Key = (AccountId, WebhookId, String, Step);

/// The breakers of all plugins that failed lately. Held in memory only, as those of handlers are.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<Key, Breaker>>);

impl Breakers {
    /// Until when one of these functions of a plugin is left alone in a webhook.
    pub(super) fn paused_until(
        &self,
        (account, webhook): (AccountId, WebhookId),
        plugin: &str,
        steps: &[Step],
        now: Timestamp,
    ) -> Option<Timestamp> {
        let breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if breakers.is_empty() {
            return None;
        }
        let until =
            |step: &Step| match breakers.get(&(account, webhook, plugin.to_owned(), *step))?.permits(now) {
                Permit::OpenUntil(until) => Some(until),
                Permit::Free | Permit::Probe => None,
            };
        steps.iter().filter_map(until).max()
    }

    /// Notes how a run went; `true`: from now on the plugin is left alone for a while. What is no fault of the plugin
    /// says nothing about it. A breaker without failures is not kept.
    pub(super) fn note(&self, (account, webhook): (AccountId, WebhookId), run: &Run, now: Timestamp) -> bool {
        let failed = match &run.decided {
            Decided::Broken(broken) if !broken.is_plugins_fault() => return false,
            Decided::Broken(_) => true,
            _ => false,
        };
        let key = (account, webhook, run.plugin.clone(), run.step);
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            true => breakers.entry(key).or_default().failed(now),
            false => {
                breakers.remove(&key);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use leadhook_core::{breaker::FAILURES_TO_OPEN, plugin::Broken};

    use super::*;

    const WEBHOOK: (AccountId, WebhookId) = (AccountId(1), WebhookId(7));
    const NOW: Timestamp = Timestamp(1_000);

    fn run(step: Step, kind: Option<&str>) -> Run {
        let broken = |kind: &str| Broken {
            kind: kind.to_owned(),
            detail: String::new(),
            code: None,
            retryable: None,
            frames: Vec::new(),
        };
        Run {
            plugin: "crm".to_owned(),
            sha256: String::new(),
            step,
            at: NOW,
            decided: kind.map_or(Decided::Passed, |kind| Decided::Broken(broken(kind))),
            log: Vec::new(),
            log_cut: false,
            fuel: 0,
            memory_bytes_peak: 0,
            elapsed_us: 0,
            reads: Vec::new(),
        }
    }

    fn opened_by(kind: &str) -> Option<Timestamp> {
        let breakers = Breakers::default();
        for count in 1..=FAILURES_TO_OPEN {
            // What works beside it does not make up for it.
            breakers.note(WEBHOOK, &run(Step::Filter, None), NOW);
            let opens = breakers.note(WEBHOOK, &run(Step::Transform, Some(kind)), NOW);
            assert!(!opens || count == FAILURES_TO_OPEN);
        }
        breakers.paused_until(WEBHOOK, "crm", &[Step::Filter, Step::Transform], NOW)
    }

    #[test]
    fn only_a_plugins_own_faults_make_it_be_left_alone() {
        for kind in ["trap", "fuel", "deadline", "memory", "output", "contract", "failed"] {
            assert_eq!(opened_by(kind), Some(Timestamp(11_000)), "{kind}");
        }
        for kind in ["input", "sandbox"] {
            assert_eq!(opened_by(kind), None, "{kind}");
        }
    }

    #[test]
    fn a_delivery_that_is_too_large_neither_counts_nor_makes_up_for_failures() {
        let breakers = Breakers::default();
        for _ in 1..FAILURES_TO_OPEN {
            assert!(!breakers.note(WEBHOOK, &run(Step::Transform, Some("trap")), NOW));
        }
        assert!(!breakers.note(WEBHOOK, &run(Step::Transform, Some("input")), NOW));
        assert!(breakers.note(WEBHOOK, &run(Step::Transform, Some("trap")), NOW));
        assert_eq!(breakers.paused_until(WEBHOOK, "crm", &[Step::Receipt], NOW), None);
    }

    #[test]
    fn a_success_forgets_the_failures_before_it() {
        let breakers = Breakers::default();
        for _ in 1..FAILURES_TO_OPEN {
            breakers.note(WEBHOOK, &run(Step::Filter, Some("fuel")), NOW);
        }
        breakers.note(WEBHOOK, &run(Step::Filter, None), NOW);
        assert!(!breakers.note(WEBHOOK, &run(Step::Filter, Some("fuel")), NOW));
    }
}
