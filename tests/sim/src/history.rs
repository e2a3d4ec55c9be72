//! What happened in a run, in the order in which it happened: the trace that is checked, and that a seed repeats.

use leadhook_core::{
    delivery::State,
    id::{AccountId, DeliveryId, ResendId, WebhookId},
    resend::{Phase, Wanted},
    time::Timestamp,
};
use leadhook_store::ByHand;

use crate::disk::Crash;

/// One thing that happened.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "what no check asks for is read in the trace")]
pub(crate) struct Entry {
    /// When, by the wall clock.
    pub(crate) clock: Timestamp,
    /// How much time had passed since the run began, in milliseconds.
    pub(crate) passed: i64,
    /// In which life of the engine, 1 for the first.
    pub(crate) life: u32,
    /// What.
    pub(crate) what: What,
}

/// How a life of the engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It crashed, perhaps while it was starting.
    Crashed(Crash),
    /// It was shut down.
    Stopped,
}

/// What happened. What the store took is noted as the engine was told of it.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "what no check asks for is read in the trace")]
pub(crate) enum What {
    /// The engine started.
    LifeBegan,
    /// It ended.
    LifeEnded(End),
    /// The wall clock was set by so many milliseconds.
    ClockSet(i64),
    /// A webhook is stored so: whether it is on, and which of the run's rules are in force.
    WebhookIs { account: AccountId, webhook: WebhookId, is_on: bool, revision: u32, rules: usize },
    /// The source was told this of an event.
    Told { event: String, answer: Told },
    /// An event is stored.
    Stored { event: String, at: Timestamp, deliveries: Vec<DeliveryId> },
    /// A delivery was leased, as due at this time.
    Claimed { account: AccountId, delivery: DeliveryId, at: Timestamp },
    /// A request reached its handler.
    Sending { number: u64, url: String, id: String, body: String },
    /// The handler is done with it: whether the engine could hear that it took it.
    HandlerEnded { number: u64, is_success: bool },
    /// A turn was recorded, or found to be, or not to be.
    Settled { account: AccountId, delivery: DeliveryId, state: State, attempts: usize, is_stored: bool },
    /// Waiting retries of a webhook were brought forward.
    BroughtForward { account: AccountId, webhook: WebhookId },
    /// Something was done by hand to a delivery; what, is not known where the engine stopped meanwhile.
    ByHand { account: AccountId, delivery: DeliveryId, answer: Option<ByHand> },
    /// A resend began, or perhaps did.
    ResendBegun { account: AccountId, webhook: WebhookId, wanted: Wanted, id: Option<ResendId> },
    /// A resend is found to be so at the end of the run.
    ResendIs { account: AccountId, id: ResendId, phase: Phase },
}

/// What a source is told of an event that it posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is accepted, with these deliveries owed.
    Accepted { event_id: String, deliveries: Vec<DeliveryId> },
    /// It is refused for good.
    Refused,
    /// Not now: try again.
    Unavailable,
}
