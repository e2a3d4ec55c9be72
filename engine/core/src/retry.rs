//! What follows from an attempt: delivered, another attempt and when, or the end.

use chrono::NaiveDateTime;

use crate::{
    outcome::{Answer, Outcome},
    time::Timestamp,
    webhook::{Settings, Success},
};

/// The most that jitter adds to a wait, as a share of it (the contract, "Retry").
const JITTER_SHARE: f64 = 0.1;
/// "410 Gone": the handler asks never to be called again.
const GONE: u16 = 410;

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The handler has it.
    Delivered,
    /// Another attempt follows.
    Retry {
        /// When it may go out.
        due: Timestamp,
    },
    /// It was attempted as often as the policy allows.
    Failed {
        /// Why, in plain words.
        reason: String,
    },
    /// The handler is gone for good: the webhook is switched off, and this delivery ends with it.
    SwitchOff {
        /// Why, in plain words.
        reason: String,
    },
}

/// Whether the outcome counts as success by status: any 2xx, or only 200. Redirects are not followed, so they
/// are failures, and so is an answer that broke off. Where a plugin judges, this is the judgement until it
/// has spoken: any 2xx.
pub fn is_success(settings: &Settings, outcome: &Outcome) -> bool {
    let Outcome::Answered(answer) = outcome else { return false };
    match settings.success {
        Success::Any2xx | Success::Plugin(_) => (200..300).contains(&answer.status),
        Success::Only200 => answer.status == 200,
    }
}

/// What follows from this outcome, judged by [`is_success`].
///
/// `failures_before` is the number of failed attempts of this delivery before this one; `jitter` is entropy
/// from 0 to 1.
pub fn verdict(
    settings: &Settings,
    outcome: &Outcome,
    failures_before: usize,
    now: Timestamp,
    jitter: f64,
) -> Verdict {
    if is_success(settings, outcome) {
        return Verdict::Delivered;
    }
    after_failure(settings, outcome, failures_before, now, jitter)
}

/// What follows from an outcome that is known to be a failure, also where a plugin judged a 2xx to be one.
///
/// The wait is max(step, min(Retry-After, next step)) with up to 10 % more (the contract, "Retry"): a handler
/// can ask for more patience than the policy has, but not for more than the policy's next wait. The last step
/// has no next one, so there Retry-After changes nothing.
pub fn after_failure(
    settings: &Settings,
    outcome: &Outcome,
    failures_before: usize,
    now: Timestamp,
    jitter: f64,
) -> Verdict {
    let asked_ms = match outcome {
        Outcome::Answered(answer) => retry_after_ms(answer, now),
        Outcome::Broken { .. } | Outcome::Withheld { .. } => None,
    };
    after_failure_asked(settings, outcome, asked_ms, failures_before, now, jitter)
}

/// The same, with the wait that a plugin read out of the answer, in milliseconds, in place of `Retry-After`.
pub fn after_failure_asked(
    settings: &Settings,
    outcome: &Outcome,
    asked_ms: Option<i64>,
    failures_before: usize,
    now: Timestamp,
    jitter: f64,
) -> Verdict {
    let answer = match outcome {
        Outcome::Answered(answer) => Some(answer),
        Outcome::Broken { .. } | Outcome::Withheld { .. } => None,
    };
    if answer.is_some_and(|answer| answer.status == GONE) {
        let reason = "the handler answered 410 (gone): it asks not to be called again".to_owned();
        return Verdict::SwitchOff { reason };
    }
    let steps = &settings.retry_after_seconds;
    let Some(&step) = steps.get(failures_before) else {
        return Verdict::Failed { reason: exhausted(outcome, failures_before.saturating_add(1)) };
    };
    let next = steps.get(failures_before + 1).copied().unwrap_or(step);
    let wait_ms = asked_ms.unwrap_or(0).min(i64::from(next) * 1000).max(i64::from(step) * 1000);
    let more_ms = (wait_ms as f64 * JITTER_SHARE * jitter.clamp(0.0, 1.0)) as i64;
    Verdict::Retry { due: now.plus_ms(wait_ms).plus_ms(more_ms) }
}

fn exhausted(outcome: &Outcome, attempts: usize) -> String {
    let plural = if attempts == 1 { "attempt" } else { "attempts" };
    format!("{} ({attempts} {plural})", outcome.summary())
}

/// What the handler asked for by Retry-After, in milliseconds from `now`: seconds or a date (RFC 9110,
/// section 10.2.3). A date is an IMF-fixdate, the one form that servers may send (section 5.6.7).
/// `None` when the header is absent or is neither; a date that has passed asks for nothing.
fn retry_after_ms(answer: &Answer, now: Timestamp) -> Option<i64> {
    let value = answer.header("retry-after")?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit ask for more than any policy grants.
        return Some(value.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000));
    }
    let at = NaiveDateTime::parse_from_str(value, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
    Some(at.and_utc().timestamp_millis().saturating_sub(now.0).max(0))
}

#[cfg(test)]
mod tests;
