//! Deliberate mistakes, made around the product and never in it, to show that the checks can see.

use clap::ValueEnum;

use crate::check::Invariant;

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mutation {
    /// An outcome is said to be recorded and is not.
    SkipSettle,
    /// A failed turn is recorded as skipped, without a reason.
    SkipWithoutReason,
    /// Events are acknowledged whose commit failed or came to nothing.
    AckBeforeCommit,
    /// Events are acknowledged of whose transaction, which had other commands too, the commit failed.
    AckOneOfBatch,
    /// Where one command of a transaction fails by itself, the events of the others are acknowledged and dropped.
    LoseNeighbours,
    /// The last event of those that are accepted is acknowledged and dropped.
    DropEvent,
    /// Deliveries are claimed an hour before they are due.
    SendBeforeDue,
    /// Retries are recorded as due at once.
    RetryAtOnce,
    /// Deliveries of a lead no longer wait for each other.
    ForgetLane,
    /// What is attempted as often as allowed is attempted again.
    ForgetAttemptLimit,
    /// Each claim gives what it leased twice.
    ClaimTwice,
    /// What is settled as delivered stands as waiting for a retry.
    ForgetSuccess,
    /// Events lose their ids on the way to the store.
    DropEventId,
    /// Each attempt goes out under an id of its own.
    FreshIdEachAttempt,
    /// Each attempt has other bytes.
    BytesChangeOnRetry,
    /// What is rendered is the lead as it first was.
    StaleLead,
    /// Webhooks that are off are sent to.
    SendThoughOff,
    /// One account's deliveries reach another's handler.
    WrongAccount,
    /// The quiet account is not claimed for while another has anything to send.
    Starve,
    /// The wall clock's being set is not noticed by who waits.
    DeafClock,
    /// A resend sends each delivery twice.
    ResendTwice,
    /// A resend ends before it has sent all.
    ResendCutShort,
    /// More is claimed than the engine may have in flight.
    Flood,
    /// The disk says that it synced and does not.
    DiskIgnoresSync,
}

impl Mutation {
    /// The invariant that is to catch it.
    pub fn caught_by(self) -> Invariant {
        match self {
            Self::SkipSettle | Self::ForgetSuccess => Invariant::NothingAfterSuccess,
            Self::SkipWithoutReason => Invariant::SkippedForAReason,
            Self::AckBeforeCommit
            | Self::AckOneOfBatch
            | Self::LoseNeighbours
            | Self::DropEvent
            | Self::DiskIgnoresSync => Invariant::AcknowledgedIsStored,
            Self::SendBeforeDue | Self::RetryAtOnce => Invariant::NotBeforeDue,
            Self::ForgetLane | Self::ClaimTwice => Invariant::LaneInOrder,
            Self::ForgetAttemptLimit => Invariant::AttemptsWithinPolicy,
            Self::DropEventId => Invariant::SameEventOnce,
            Self::FreshIdEachAttempt | Self::BytesChangeOnRetry => Invariant::OneIdSameBytes,
            Self::StaleLead => Invariant::SendsWhatIsKnown,
            Self::SendThoughOff => Invariant::OffSendsNothing,
            Self::WrongAccount => Invariant::NothingCrosses,
            Self::Starve => Invariant::NobodyStarves,
            Self::DeafClock => Invariant::SoonAfterDue,
            Self::ResendTwice | Self::ResendCutShort => Invariant::ResendExact,
            Self::Flood => Invariant::WithinLimits,
        }
    }
}
