//! What became of a command by hand on one delivery.

use leadhook_core::{delivery::StateName, id::DeliveryId, time::Timestamp};

/// What became of a command by hand on one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// It is done; the delivery's webhook has something due at this time.
    Done {
        /// When. After a cancelling that is the webhook's next delivery, which may be one that waited for the
        /// cancelled one; `None` when there is none.
        due: Option<Timestamp>,
    },
    /// It had ended, and is sent again by another delivery.
    SentAgain {
        /// The delivery that sends it.
        by: DeliveryId,
        /// The delivery that is sent again: the one that was named, or the one which that one sends again.
        first: DeliveryId,
        /// When it may go out.
        due: Timestamp,
    },
    /// It is being sent at this moment.
    Sending,
    /// It ended in a way that the command cannot change: the state's name and its reason.
    Ended {
        /// `delivered`, `skipped`, `failed` or `cancelled`.
        state: StateName,
        /// Why it ended so.
        reason: Option<String>,
    },
    /// It had ended and could only be sent again, which waits for its webhook to be switched on.
    WebhookOff,
    /// It was sent again as often as it can be ([`leadhook_core::delivery::RESENDS_MAX`]).
    SentTooOften,
    /// It was erased with its client, so there is nothing to send.
    Erased,
    /// There is no such delivery.
    Unknown,
}
