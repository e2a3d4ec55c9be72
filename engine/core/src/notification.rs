//! What an account's people are told of without having asked (the contract, "Notifications").

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    breaker::FAILURES_TO_OPEN,
    event::words,
    id::{DeliveryId, ResendId, WebhookId},
    plugin::Step,
    resend::Counts,
    time::{Serial, Timestamp},
};

/// The most notifications that are kept of one account; the oldest go first.
pub const NOTIFICATIONS_MAX: usize = 1_000;

words! {
    /// The kinds of notifications, as the API speaks of them.
    NotificationKind {
        /// A handler wants nothing more.
        WebhookSwitchedOff "webhook_switched_off",
        /// A handler takes nothing at the moment.
        HandlerFailing "handler_failing",
        /// A plugin does not do its work.
        PluginFailing "plugin_failing",
        /// A period was sent again.
        ResendFinished "resend_finished",
        /// Something that is stored cannot be read.
        Damage "damage",
    }
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number, by which lists are paged.
    pub serial: Serial,
    /// When it was made.
    pub at: Timestamp,
    /// What it tells.
    pub news: News,
}

/// What a notification tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// The engine switched a webhook off, since its handler answered 410 or did nothing but fail for days.
    WebhookSwitchedOff {
        /// The webhook.
        webhook: WebhookId,
        /// Why, in words for a marketer.
        reason: String,
    },
    /// A handler failed so often in a row that it is left alone for a while.
    HandlerFailing {
        /// Its webhook.
        webhook: WebhookId,
    },
    /// A plugin failed so often in a row in one webhook that it is left alone there for a while.
    PluginFailing {
        /// The webhook.
        webhook: WebhookId,
        /// The plugin's name.
        plugin: String,
        /// Which of its functions.
        step: Step,
        /// The last failure: its kind and its detail.
        failure: String,
    },
    /// A resend has come to its end.
    ResendFinished {
        /// The webhook.
        webhook: WebhookId,
        /// The resend.
        resend: ResendId,
        /// What came of its deliveries.
        counts: Counts,
    },
    /// A delivery, or what it is made from, was found damaged: it is set aside.
    Damage {
        /// The webhook.
        webhook: WebhookId,
        /// The delivery; others that were found right after it are not told one by one.
        delivery: DeliveryId,
    },
}

impl Notification {
    /// Its id, as the API tells it: 16 hexadecimal digits, which grow with time.
    pub fn id(&self) -> String {
        format!("{:016x}", self.serial.0)
    }
}

impl News {
    /// Its kind.
    pub fn kind(&self) -> NotificationKind {
        match self {
            Self::WebhookSwitchedOff { .. } => NotificationKind::WebhookSwitchedOff,
            Self::HandlerFailing { .. } => NotificationKind::HandlerFailing,
            Self::PluginFailing { .. } => NotificationKind::PluginFailing,
            Self::ResendFinished { .. } => NotificationKind::ResendFinished,
            Self::Damage { .. } => NotificationKind::Damage,
        }
    }

    /// The webhook that it is about.
    pub fn webhook(&self) -> WebhookId {
        match self {
            Self::WebhookSwitchedOff { webhook, .. }
            | Self::HandlerFailing { webhook }
            | Self::PluginFailing { webhook, .. }
            | Self::ResendFinished { webhook, .. }
            | Self::Damage { webhook, .. } => *webhook,
        }
    }

    /// The plugin that it is about, if it is about one.
    pub fn plugin(&self) -> Option<&str> {
        match self {
            Self::PluginFailing { plugin, .. } => Some(plugin),
            Self::WebhookSwitchedOff { .. }
            | Self::HandlerFailing { .. }
            | Self::ResendFinished { .. }
            | Self::Damage { .. } => None,
        }
    }

    /// What happened and what follows, in words for a marketer.
    pub fn detail(&self) -> String {
        match self {
            Self::WebhookSwitchedOff { reason, .. } => format!(
                "the webhook was switched off: {reason}. Until it is activated again, leads that come are not sent to it, \
                 and what it still owes is cancelled as it falls due. If its handler is to have leads, put the handler or \
                 the webhook's URL right and activate the webhook; then a resend of the period sends again what failed"
            ),
            Self::HandlerFailing { .. } => format!(
                "the handler failed {FAILURES_TO_OPEN} times in a row; nothing is lost: it is asked again after a \
                 pause, and what waits is sent when it answers. The attempts of the webhook's deliveries tell what it \
                 answered"
            ),
            Self::PluginFailing { plugin, step, failure, .. } => format!(
                "the {step} of the plugin `{plugin}` failed {FAILURES_TO_OPEN} times in a row and is left alone for a \
                 while; put it right and upload it, or roll it back. The last time: {failure}"
            ),
            Self::ResendFinished { resend, counts, .. } => format!(
                "the resend {resend} has ended: {} delivered, {} failed, {} skipped",
                counts.delivered, counts.failed, counts.skipped
            ),
            Self::Damage { delivery, .. } => format!(
                "the delivery {delivery} was found damaged on the disk, is set aside and will not be sent; there may be \
                 more. Whoever runs the engine is to look at the disk, stop the engine, and ask `leadhook verify` what \
                 else is wrong; a sound backup has the delivery still"
            ),
        }
    }
}
