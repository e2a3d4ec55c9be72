//! A webhook's settings in types that cannot hold a wrong combination, and a webhook with its revisions.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    catalogue::Parameter,
    delivery::Method,
    event::{Trigger, words},
    id::{AccountId, SiteId, WebhookId},
    time::Serial,
};

words! {
    /// By which visit a lead's source is told.
    Attribution {
        /// The last visit that is not direct; sent as `attribution=1`.
        LastNonDirect "last_non_direct",
        /// The last visit; sent as `attribution=0`.
        LastInteraction "last_interaction",
    }
}

words! {
    /// Which leads of one kind a webhook takes.
    LeadClass {
        /// All of them.
        All "all",
        /// Unique ones.
        Unique "unique",
        /// Target ones.
        Target "target",
        /// The first target lead of each client.
        UniqueTarget "unique_target",
        /// None.
        None "none",
    }
}

words! {
    /// Whether the deliveries of one lead wait for each other.
    Ordering {
        /// They go out one after another.
        Lead "lead",
        /// They do not wait.
        None "none",
    }
}

/// A saved state of a webhook's settings, whole and valid.
#[derive(Clone)]
pub struct Settings {
    /// The settings as they were given: what the API answers and the store keeps.
    pub source: Value,
    /// What people call it; at most 200 characters; the URL's host unless set.
    pub name: String,
    /// Where to send.
    pub url: Url,
    /// POST unless set.
    pub method: Method,
    /// Last non-direct unless set.
    pub attribution: Attribution,
    /// The sites whose leads it takes; `None`: all.
    pub sites: Option<BTreeSet<SiteId>>,
    /// Which calls it takes.
    pub calls: LeadClass,
    /// Which requests it takes.
    pub requests: LeadClass,
    /// Takes leads with any of these tags; empty: all. At most 100.
    pub tags: Vec<String>,
    /// Takes leads for which any rule holds; empty: all. At most 50 rules of at most 20 conditions.
    pub traffic: Vec<Vec<Condition>>,
    /// What it subscribes to.
    pub sending: Sending,
    /// What is sent, in catalogue order, each with the name it is sent under.
    pub parameters: Vec<(Parameter, String)>,
    /// Whether what the catalogue does not know is sent too; not where `only` names what is.
    pub sends_extra: bool,
    /// Plugins and scripts that the request passes, in order. At most 10.
    pub transform: Vec<Link>,
    /// Headers of the customer's own, names in lower case. At most 50.
    pub headers: Vec<(String, String)>,
    /// Secrets that sign side by side; empty: not signed. At most 5.
    pub signing: Vec<SigningSecret>,
    /// What counts as success.
    pub success: Success,
    /// The deadline of one attempt over everything, 1 to 60 seconds; 15 unless set.
    pub timeout_seconds: u32,
    /// The wait after each failed attempt, in seconds, 1 to 604,800 each and at most 50 of them; empty: no retry.
    pub retry_after_seconds: Vec<u32>,
    /// How fast it may be sent to.
    pub rate: Rate,
    /// By lead unless set.
    pub ordering: Ordering,
}

/// Without the secrets that the settings hold.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The waits after failed attempts unless a webhook sets its own: about three days in all.
pub const RETRY_AFTER_SECONDS_DEFAULT: &[u32] =
    &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// What a webhook subscribes to, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// Sent once, when the most is known.
    Simplified {
        /// Whether `call_started` is sent; it cannot be delayed.
        call_started: bool,
        /// Minutes after `call_ended`, 0 to 1440; `None`: not sent.
        call_ended: Option<u16>,
        /// Minutes after `request_created`, 0 to 1440; `None`: not sent.
        request_created: Option<u16>,
    },
    /// Sent at each of these triggers, at once.
    EventBased(BTreeSet<Trigger>),
}

/// The longest delay, in minutes: one day (the source document, "Модель отправки").
pub const DELAY_MINUTES_MAX: u16 = 1_440;

impl Sending {
    /// How long after this trigger is sent, in minutes; `None` when it is not subscribed to.
    pub fn delay_minutes(&self, trigger: Trigger) -> Option<u16> {
        match self {
            Self::EventBased(on) => on.contains(&trigger).then_some(0),
            Self::Simplified { call_started, call_ended, request_created } => match trigger {
                Trigger::CallStarted => call_started.then_some(0),
                Trigger::CallEnded => *call_ended,
                Trigger::RequestCreated => *request_created,
                _ => None,
            },
        }
    }

    /// Whether a delivery for this trigger is rendered from the lead as the event left it,
    /// not as it stands when the delivery falls due (rule 2).
    pub fn renders_as_of_event(&self, trigger: Trigger) -> bool {
        matches!(self, Self::EventBased(_)) || trigger == Trigger::CallStarted
    }
}

/// One condition on a traffic parameter.
#[derive(Debug, Clone)]
pub struct Condition {
    /// One of source, medium, utm_*, hostname, url, ref.
    pub parameter: Parameter,
    /// What must hold for its value.
    pub test: Test,
}

/// What must hold for a value. Words are compared ignoring case, and are kept in lower case.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equals any of these.
    Is(Vec<String>),
    /// Equals none of these.
    IsNot(Vec<String>),
    /// Contains any of these.
    Contains(Vec<String>),
    /// Contains none of these.
    ContainsNot(Vec<String>),
    /// Begins with any of these.
    StartsWith(Vec<String>),
    /// Any of these regular expressions finds something; case matters unless the expression says otherwise.
    Matches(Vec<regex::Regex>),
}

/// One plugin or script in a webhook's chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The plugin's name, or `name@<sha256>` for one version.
    pub plugin: String,
    /// Its configuration here.
    pub config: Value,
    /// The account's secrets that it may read here.
    pub secrets: Vec<String>,
    /// What happens to the delivery when it fails.
    pub on_error: OnError,
}

words! {
    /// What happens to a delivery whose plugin fails.
    OnError {
        /// It is tried again by the retry policy.
        Retry "retry",
        /// It is sent as it was before the plugin.
        SendOriginal "send_original",
        /// It is held back.
        Skip "skip",
    }
}

/// A signing secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret {
    key: Vec<u8>,
}

impl SigningSecret {
    /// Reads `whsec_…`; `None` when it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let key = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&key.len()).then_some(Self { key })
    }

    /// What [`SigningSecret::parse`] reads.
    pub(crate) fn to_text(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("whsec_{}", STANDARD.encode(&self.key))
    }

    /// The key's bytes.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// What counts as success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// Any status from 200 to 299.
    Any2xx,
    /// Only 200.
    Only200,
    /// What this plugin judges.
    Plugin(String),
}

/// How fast a webhook may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Attempts begun per second, 1 to 1000; `None`: no such limit.
    pub per_second: Option<u32>,
    /// Attempts at one time, 1 to 256; 32 unless set.
    pub concurrent: u32,
}

/// A webhook as it stands.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The account it belongs to.
    pub account: AccountId,
    /// Its id.
    pub id: WebhookId,
    /// The current revision's number; 1 is the first save.
    pub revision: u32,
    /// The current settings.
    pub settings: Arc<Settings>,
    /// Whether it is on, and why not.
    pub switch: Switch,
    /// When it was first saved.
    pub created: Serial,
    /// What each revision subscribed to, oldest first: leads keep what was in force when they arrived.
    pub subscriptions: Vec<Subscription>,
}

/// Whether a webhook is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switch {
    /// It sends.
    On,
    /// It does not; the reason, where the engine switched it off itself.
    Off(Option<String>),
    /// It was deleted; what it still owed is cancelled when it falls due.
    Deleted,
}

/// What a revision subscribed to, from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// When the revision was saved.
    pub saved: Serial,
    /// What it subscribed to.
    pub sending: Sending,
}

impl Webhook {
    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.switch == Switch::On
    }

    /// What was subscribed to when this lead arrived (rule 3); `None` when the webhook did not exist yet.
    pub fn sending_for(&self, lead: Serial) -> Option<&Sending> {
        let in_force = self.subscriptions.iter().rev().find(|subscription| subscription.saved <= lead)?;
        Some(&in_force.sending)
    }

    /// Whether it takes leads of this site.
    pub fn takes_site(&self, site: &SiteId) -> bool {
        self.settings.sites.as_ref().is_none_or(|sites| sites.contains(site))
    }
}
