//! Sending a period again: what is asked for, what of it is refused, which deliveries are among it, and how far it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    delivery::{Delivery, RESENDS_MAX, State},
    event::words,
    fault::{Fault, Faults},
    id::{ResendId, WebhookId},
    read::Reader,
    time::{DAY_MS, Serial, Timestamp},
    webhook::Rate,
};

/// The longest period, in days (the contract, "Resend").
pub const PERIOD_DAYS_MAX: i64 = 31;
/// How much later than it arrived a lead may say that it began, in milliseconds: one day. Deliveries are looked through
/// from so long before the period; a lead of a source whose clock is further ahead is not found.
pub const CLOCK_AHEAD_MS_MAX: i64 = DAY_MS;
/// The most deliveries of one resend that wait for their turn at one time.
pub const DUE_AT_ONCE_MAX: u32 = 16;
/// The most deliveries of one resend that have not ended, those that wait for another attempt too. Beyond it nothing
/// more is selected until some have ended.
pub const OPEN_MAX: u64 = 1_000;
/// How long another delivery of the webhook may be due before the resend waits for it, in milliseconds: what just fell
/// due is on its way.
pub const FRESH_WAITS_MS_MAX: i64 = 1_000;
/// The most resends that are kept of one account; the oldest that ended go first.
pub const RESENDS_KEPT_MAX: usize = 1_000;

words! {
    /// Which deliveries of the period are sent again.
    Only {
        /// Every one that had at least one attempt, delivered ones too.
        All "all",
        /// Those that failed.
        Failed "failed",
    }
}

words! {
    /// Where they go.
    UrlOf {
        /// To the URL of then.
        Then "then",
        /// To the webhook's URL of now: its handler moved.
        Current "current",
    }
}

words! {
    /// Where a resend stands, as the API speaks of it.
    ResendState {
        /// It selects deliveries, or waits for those that it selected to end.
        Running "running",
        /// It waits for its webhook to be switched on.
        Paused "paused",
        /// All that it selected has ended.
        Done "done",
        /// It was called off.
        Cancelled "cancelled",
    }
}

/// What is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Whose deliveries.
    pub webhook: WebhookId,
    /// Of leads that began not earlier than this.
    pub from: Timestamp,
    /// Of leads that began earlier than this.
    pub to: Timestamp,
    /// Which of them.
    pub only: Only,
    /// Where they go.
    pub url: UrlOf,
}

impl Wanted {
    /// Reads what is asked for. Refused, with every fault at once: what is missing, of another type or unknown. Whether
    /// the period can be meant is told by [`Wanted::check`].
    pub fn parse(value: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let wanted = read(value, &mut reader);
        reader.finish(wanted)
    }

    /// What is wrong with the period at `now`, for a webhook that was made at `created` (the contract, "Resend").
    pub fn check(&self, created: Timestamp, now: Timestamp) -> Result<(), Faults> {
        let mut faults = Vec::new();
        let mut fault = |code, detail: String| faults.push(Fault::new("to", code, detail));
        if self.to <= self.from {
            fault(
                "ends_before_start",
                "the period ends before it begins: `to` is to be after `from`".to_owned(),
            );
        }
        if self.to.0.saturating_sub(self.from.0) > PERIOD_DAYS_MAX * DAY_MS {
            fault(
                "period_too_long",
                format!("the period is longer than {PERIOD_DAYS_MAX} days: ask for parts of it"),
            );
        }
        if self.to > now {
            fault("in_the_future", format!("the period ends in the future: it is {} now", now.to_rfc3339()));
        }
        if self.to <= created {
            let made = created.to_rfc3339();
            fault("before_webhook", format!("the period ends before the webhook was made, at {made}"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }

    /// Whether a lead that began then is of the period.
    pub fn is_of_period(&self, began: Timestamp) -> bool {
        (self.from..self.to).contains(&began)
    }

    /// What is done about a delivery of the period.
    pub fn choose(&self, delivery: &Delivery) -> Choice {
        if delivery.attempts.is_empty() || delivery.resend_of.is_some() {
            return Choice::NotAmong;
        }
        match &delivery.state {
            State::Scheduled { .. } | State::Retrying { .. } => return Choice::Skip,
            State::Failed { .. } => {}
            _ if self.only == Only::Failed => return Choice::NotAmong,
            State::Skipped { .. } => return Choice::Skip,
            State::Delivered { .. } | State::Cancelled { .. } => {}
        }
        match delivery.renderings.is_empty() {
            _ if delivery.resends.len() >= RESENDS_MAX => Choice::Skip,
            true => Choice::TakeUp,
            false => Choice::SendAgain,
        }
    }
}

/// What a resend does about a delivery of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is none of those that are sent again: it was never attempted, or sends another again itself.
    NotAmong,
    /// It is left as it is and counted: it goes on being tried, was held back, or was sent too often.
    Skip,
    /// Another delivery sends it again as it was.
    SendAgain,
    /// It failed before any request was made of it, so there is nothing to repeat: it is taken up again under its own
    /// id, as it is when sent by hand.
    TakeUp,
}

/// What came of the deliveries of a resend. Those that have not ended are what is left of the selected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Deliveries of the period that were looked at.
    pub selected: u64,
    /// Sent again with success.
    pub delivered: u64,
    /// Sent again without success.
    pub failed: u64,
    /// Not sent again, or called off before their end.
    pub skipped: u64,
}

impl Counts {
    /// How many were made owed and have not ended.
    pub fn open(&self) -> u64 {
        self.selected.saturating_sub(self.delivered + self.failed + self.skipped)
    }

    /// Counts one that ended so.
    pub fn note(&mut self, end: &State) {
        match end {
            State::Delivered { .. } => self.delivered += 1,
            State::Failed { .. } => self.failed += 1,
            State::Skipped { .. } | State::Cancelled { .. } => self.skipped += 1,
            State::Scheduled { .. } | State::Retrying { .. } => {}
        }
    }
}

/// Whether a resend goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It does, while its webhook is on.
    Running,
    /// All that it selected has ended.
    Done {
        /// When.
        at: Timestamp,
    },
    /// It was called off by hand, or with its webhook.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// A resend as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// Its id, which tells when it was asked for.
    pub id: ResendId,
    /// What was asked for.
    pub wanted: Wanted,
    /// Whether it goes on.
    pub phase: Phase,
    /// How many deliveries of the period were counted ahead, before the first was selected.
    pub counted: u64,
    /// Every delivery before this serial was counted. It ends at the id's.
    pub counted_to: Serial,
    /// Every delivery before this serial was looked at. It ends at the id's.
    pub place: Serial,
    /// What came of its deliveries.
    pub counts: Counts,
    /// How many of those skipped were erased with their clients; kept beside the others.
    #[serde(skip)]
    pub erased: u64,
}

impl Resend {
    /// One that begins. Deliveries are looked through in the order in which they became owed.
    pub fn new(id: ResendId, wanted: Wanted) -> Self {
        let place = Serial::at(wanted.from.plus_ms(-CLOCK_AHEAD_MS_MAX)).min(id.0);
        let (phase, counts) = (Phase::Running, Counts::default());
        Self { id, wanted, phase, counted: 0, counted_to: place, place, counts, erased: 0 }
    }

    /// Whether it is known how many there are.
    pub fn has_counted(&self) -> bool {
        self.counted_to >= self.id.0
    }

    /// How many deliveries it is about: as they were counted, until each was looked at or it ended. What becomes of a
    /// delivery meanwhile can make it one more or less.
    pub fn selected(&self) -> u64 {
        match self.phase {
            Phase::Running if !self.has_looked_through() => self.counted.max(self.counts.selected),
            _ => self.counts.selected,
        }
    }

    /// Whether every delivery was looked at.
    pub fn has_looked_through(&self) -> bool {
        self.place >= self.id.0
    }

    /// Where it stands, told by whether its webhook is on.
    pub fn state(&self, webhook_is_on: bool) -> ResendState {
        match self.phase {
            Phase::Running if webhook_is_on => ResendState::Running,
            Phase::Running => ResendState::Paused,
            Phase::Done { .. } => ResendState::Done,
            Phase::Cancelled { .. } => ResendState::Cancelled,
        }
    }
}

/// How many of a resend's deliveries may be due at one time for a webhook that is sent to at this rate: half of what it
/// takes, so that fresh ones find a place, and at least one.
pub fn due_at_once(rate: Rate) -> usize {
    let half = |most: u32| most / 2;
    let paced = rate.per_second.map_or(DUE_AT_ONCE_MAX, half);
    DUE_AT_ONCE_MAX.min(half(rate.concurrent)).min(paced).max(1) as usize
}

fn read(value: &Value, reader: &mut Reader) -> Option<Wanted> {
    let mut fields = reader.object(value, "")?;
    let webhook = fields.required(reader, "webhook").and_then(|value| {
        match reader.text(value, "webhook")?.parse::<WebhookId>() {
            Ok(webhook) => Some(webhook),
            Err(error) => reader.fault("webhook", "bad_webhook_id", error.to_string()),
        }
    });
    let from = fields.required(reader, "from").and_then(|value| reader.time(value, "from"));
    let to = fields.required(reader, "to").and_then(|value| reader.time(value, "to"));
    let only = match fields.get_non_null("only") {
        Some(value) => word(value, "only", Only::ALL, reader),
        None => Some(Only::All),
    };
    let url = match fields.get_non_null("url") {
        Some(value) => word(value, "url", UrlOf::ALL, reader),
        None => Some(UrlOf::Then),
    };
    fields.refuse_unknown(reader);
    Some(Wanted { webhook: webhook?, from: from?, to: to?, only: only?, url: url? })
}

/// One of a few words.
fn word<T: Copy + ToString>(value: &Value, path: &str, all: &[T], reader: &mut Reader) -> Option<T> {
    let text = reader.text(value, path)?;
    all.iter().copied().find(|one| one.to_string() == text).or_else(|| {
        let words: Vec<_> = all.iter().map(T::to_string).collect();
        reader.fault(path, "unknown_value", format!("expected one of `{}`", words.join("`, `")))
    })
}

#[cfg(test)]
mod tests;
