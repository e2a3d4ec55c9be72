//! What the demonstration plays: sample leads, and webhooks that show each promise once.

use serde_json::{Value, json};

/// The sample leads of one act.
pub(super) struct Act {
    /// What happens in it.
    pub(super) title: &'static str,
    /// Files of `examples/leads` with their content: what is shown is real input.
    pub(super) leads: &'static [(&'static str, &'static str)],
}

/// What is played, in order.
pub(super) const ACTS: &[Act] = &[
    Act {
        title: "Somebody sends a form: an event comes in",
        leads: &[("request-form.json", include_str!("../../../../../examples/leads/request-form.json"))],
    },
    Act {
        title: "Two people call: more events come in",
        leads: &[
            ("call-dynamic.json", include_str!("../../../../../examples/leads/call-dynamic.json")),
            (
                "call-unmarked-traffic.json",
                include_str!("../../../../../examples/leads/call-unmarked-traffic.json"),
            ),
        ],
    },
];

/// The site of the sample leads.
pub(super) const SITE: &str = include_str!("../../../../../examples/site.json");
/// Its id.
pub(super) const SITE_ID: &str = "60001";
/// What signs the webhooks that are signed; known to anyone who reads this.
pub(super) const SECRET: &str = "whsec_bGVhZGhvb2stZGVtby1zZWNyZXQtbm90LXJlYWw=";
/// The plugin that the bot's requests pass; it comes with the engine.
pub(super) const PLUGIN: &str = "json-body";
/// How long the CRM's calls wait, in minutes.
pub(super) const DELAY_MINUTES: i64 = 5;

/// A webhook of the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// Delayed, so that what becomes known after the call is in it.
    Crm,
    /// Filtered by traffic.
    Paid,
    /// Sent at each change, by GET.
    Changes,
    /// Its handler takes JSON, which a plugin makes, and fails at first.
    Bot,
}

impl Role {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Crm, Self::Paid, Self::Changes, Self::Bot];

    /// What the webhook is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crm => "CRM",
            Self::Paid => "Paid traffic",
            Self::Changes => "Changes",
            Self::Bot => "Bot",
        }
    }

    /// Where it is received.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Crm => "/crm",
            Self::Paid => "/paid",
            Self::Changes => "/changes",
            Self::Bot => "/bot",
        }
    }

    /// What it is there to show.
    pub(super) fn shows(self) -> &'static str {
        match self {
            Self::Crm => "calls 5 minutes after their end, requests at once; signed",
            Self::Paid => "only leads whose medium is cpc or cpm",
            Self::Changes => {
                "by GET, at the call's end and at each change of tags; few parameters, one renamed; signed"
            }
            Self::Bot => {
                "requests, as JSON by the plugin json-body; its handler answers the first one with 503"
            }
        }
    }

    /// Whether its requests are signed.
    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::Crm | Self::Changes)
    }

    /// The webhook's settings, as somebody would post them; received at `base_url`.
    pub(super) fn settings(self, base_url: &str) -> Value {
        let url = format!("{base_url}{}", self.path());
        match self {
            Self::Crm => json!({
                "name": self.name(), "url": url,
                "sending": { "model": "simplified", "on": ["call_ended", "request_created"],
                             "delay_minutes": { "call_ended": DELAY_MINUTES } },
                "signing": { "secrets": [SECRET] },
            }),
            Self::Paid => json!({
                "name": self.name(), "url": url,
                "traffic": [[{ "parameter": "medium", "is": ["cpc", "cpm"] }]],
            }),
            Self::Changes => json!({
                "name": self.name(), "url": url, "method": "GET", "leads": { "requests": "none" },
                "sending": { "model": "event_based", "on": ["call_ended", "lead_tags_changed"] },
                "parameters": {
                    "only": ["leadtype", "id", "callerphone", "duration", "manager", "tags_manual", "tags_auto_pr",
                             "changedFields"],
                    "rename": { "callerphone": "phone" },
                },
                "signing": { "secrets": [SECRET] },
            }),
            Self::Bot => json!({
                "name": self.name(), "url": url,
                "sending": { "model": "simplified", "on": ["request_created"] },
                "parameters": { "only": ["leadtype", "requestId", "fio", "callerphone", "subject", "utm_campaign",
                                         "tags_request"] },
                "transform": [{ "plugin": PLUGIN, "config": { "shape": "nested" } }],
                "retry": { "after_seconds": [5, 60] },
            }),
        }
    }
}
