//! A delivery: what is owed to a handler, from the moment it is owed to its end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Parameter,
    event::{Trigger, words},
    id::{DeliveryId, LeadRef},
    outcome::Outcome,
    plugin::{RUNS_MAX, Run},
    time::{Serial, Timestamp},
};

words! {
    /// How a request is sent.
    Method {
        /// The pairs are the URL's query.
        Get "GET",
        /// The pairs are the body.
        Post "POST",
    }
}

/// Headers that mean one connection and not one request, or say where it goes and ends: only what sends sets them, since
/// they could let a connection be read in two ways (RFC 9110, section 7.6.1; RFC 9112, section 6).
pub const CONNECTION_HEADERS: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
];

/// Headers by which a receiver knows a delivery and trusts it (Standard Webhooks 1.0; `webhook-test` marks a probe).
const IDENTITY_HEADERS: [&str; 5] =
    ["webhook-id", "webhook-timestamp", "webhook-signature", "webhook-resend-of", "webhook-test"];

/// Headers that follow from how a request is made and its answer read. `expect` is among them because no interim answer
/// is waited for.
const EXCHANGE_HEADERS: [&str; 3] = ["accept-encoding", "content-type", "expect"];

/// Whether a header, named in lower case, is the engine's alone to set: neither settings nor plugins may.
pub fn is_header_of_engine(name: &str) -> bool {
    CONNECTION_HEADERS.iter().chain(&IDENTITY_HEADERS).chain(&EXCHANGE_HEADERS).any(|own| *own == name)
}

/// One HTTP request as it goes to a handler, without the headers that each attempt adds
/// (`webhook-id`, `webhook-timestamp`, `webhook-signature`, `host`, `content-length`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// The absolute URL with its query.
    pub url: String,
    /// Header names in lower case with their values, in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; empty for GET.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

impl Request {
    /// What a signature covers: the body, or for GET the query string as sent.
    pub fn signed_content(&self) -> &[u8] {
        match self.method {
            Method::Post => &self.body,
            Method::Get => {
                let after_mark = self.url.split_once('?').map_or("", |(_, query)| query);
                after_mark.split('#').next().unwrap_or("").as_bytes()
            }
        }
    }
}

/// A short sum of each selected parameter's value, by which the next delivery of the lane knows what changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprints(pub Vec<(Parameter, u64)>);

/// A request as it was rendered, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendering {
    /// What is sent.
    pub request: Request,
    /// When it was rendered.
    pub at: Timestamp,
    /// The webhook's revision it was rendered by.
    pub revision: u32,
    /// The site's revision it was rendered by.
    pub site_revision: u32,
    /// The lead's version it was rendered from.
    pub lead_version: u32,
    /// The sums of what was selected; `None` where no further delivery of the lane can compare with them.
    pub fingerprints: Option<Fingerprints>,
    /// What `changedFields` was found to be, so that it need not be compared again; `None` where nothing was delivered
    /// in the lane yet.
    pub changed_fields: Option<String>,
    /// What somebody should know about the request, such as a URL over 8 KiB.
    pub warnings: Vec<String>,
}

/// The warning of a rendering whose body was kept for its days and is gone.
pub const BODY_GONE: &str = "what was sent is no longer kept";

impl Rendering {
    /// Whether what was sent is still there.
    pub fn has_body(&self) -> bool {
        !self.warnings.iter().any(|warning| warning == BODY_GONE)
    }

    /// Lets go of what was sent: the body, or the query of a GET. From what it was made stays, so that it can be sent again.
    fn let_go_of_body(&mut self) {
        self.request.body = Vec::new();
        if self.request.method == Method::Get
            && let Some(query) = self.request.url.find('?')
        {
            self.request.url.truncate(query);
        }
        self.warnings.push(BODY_GONE.to_owned());
    }
}

/// One HTTP exchange for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u32,
    /// Which of the delivery's renderings was sent, by index; `None` when a plugin failed before there was one.
    pub rendering: Option<u32>,
    /// What happened.
    pub outcome: Outcome,
}

/// Where a delivery stands. `sending` is not among them: it is a lease, and ends with the process that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Waits for its time or its turn; nothing was attempted.
    Scheduled {
        /// When it may go out.
        due: Timestamp,
    },
    /// At least one attempt failed and another will follow.
    Retrying {
        /// When it may go out again.
        due: Timestamp,
    },
    /// The handler has it.
    Delivered {
        /// When the answer came.
        at: Timestamp,
    },
    /// A filter, plugin or script held it back.
    Skipped {
        /// When.
        at: Timestamp,
        /// Why, in words for a marketer.
        reason: String,
    },
    /// It was attempted as often as the policy allows, or ended for good by the answer.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It was called off: by hand, or since its webhook was off or deleted when it fell due.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

words! {
    /// The names of the states, as the API speaks of them.
    StateName {
        /// Waits for its time or its turn.
        Scheduled "scheduled",
        /// Is being attempted now.
        Sending "sending",
        /// Waits for another attempt.
        Retrying "retrying",
        /// The handler has it.
        Delivered "delivered",
        /// Held back for a reason on record.
        Skipped "skipped",
        /// Ended without success.
        Failed "failed",
        /// Called off.
        Cancelled "cancelled",
    }
}

impl State {
    /// Its name; a delivery under lease is shown as `sending` by whoever knows of the lease.
    pub fn name(&self) -> StateName {
        match self {
            Self::Scheduled { .. } => StateName::Scheduled,
            Self::Retrying { .. } => StateName::Retrying,
            Self::Delivered { .. } => StateName::Delivered,
            Self::Skipped { .. } => StateName::Skipped,
            Self::Failed { .. } => StateName::Failed,
            Self::Cancelled { .. } => StateName::Cancelled,
        }
    }

    /// When it may go out, while it is open.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Scheduled { due } | Self::Retrying { due } => Some(*due),
            _ => None,
        }
    }

    /// When it ended, once it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Scheduled { .. } | Self::Retrying { .. } => None,
            Self::Delivered { at }
            | Self::Skipped { at, .. }
            | Self::Failed { at, .. }
            | Self::Cancelled { at, .. } => Some(*at),
        }
    }

    /// Why it was skipped, failed or cancelled.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Skipped { reason, .. } | Self::Failed { reason, .. } | Self::Cancelled { reason, .. } => {
                Some(reason)
            }
            _ => None,
        }
    }
}

/// What is owed: one webhook × one trigger of one lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id; the same in every attempt. Its serial tells when it became owed.
    pub id: DeliveryId,
    /// The lead, as the source knows it.
    pub lead: LeadRef,
    /// What fired.
    pub trigger: Trigger,
    /// When that happened, by the source's clock.
    pub occurred_at: Timestamp,
    /// Which version of the lead it is rendered from.
    pub source: Source,
    /// Where it stands.
    pub state: State,
    /// Every rendering that was sent, oldest first; a second one only when settings were saved between attempts.
    pub renderings: Vec<Rendering>,
    /// Attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// What plugins and scripts did, oldest first; the last [`RUNS_MAX`] runs.
    pub runs: Vec<Run>,
    /// What this one sends again as it was; `None` for one that an event made owed.
    pub resend_of: Option<ResendOf>,
    /// The deliveries that send this one again, oldest first; at most [`RESENDS_MAX`].
    pub resends: Vec<DeliveryId>,
}

/// What a delivery sends again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendOf {
    /// The delivery that it sends again.
    pub first: DeliveryId,
    /// The URL that it goes to in the place of the one of then; `None`: that of then.
    pub url: Option<String>,
}

/// How often one delivery can be sent again.
pub const RESENDS_MAX: usize = 100;

/// Which version of the lead a delivery's first rendering takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The lead as that event left it: the event-based model, and `call_started` always.
    Version(u32),
    /// The lead as it stands when the delivery falls due: the simplified model.
    Latest,
}

impl Delivery {
    /// What an attempt sent; `None` where no request went out.
    pub fn sent_by(&self, attempt: &Attempt) -> Option<&Rendering> {
        self.renderings.get(usize::try_from(attempt.rendering?).ok()?)
    }

    /// Lets go of the bodies of its requests and of the answers. Whether there were any.
    pub fn let_go_of_bodies(&mut self) -> bool {
        let mut any = false;
        for rendering in self.renderings.iter_mut().filter(|rendering| rendering.has_body()) {
            rendering.let_go_of_body();
            any = true;
        }
        for attempt in &mut self.attempts {
            if let Outcome::Answered(answer) = &mut attempt.outcome
                && !answer.body.is_empty()
            {
                (answer.body, answer.body_cut) = (Vec::new(), true);
                any = true;
            }
        }
        any
    }

    /// Remembers what plugins did, the last [`RUNS_MAX`] runs of it.
    pub fn note_runs(&mut self, runs: Vec<Run>) {
        self.runs.extend(runs);
        let too_many = self.runs.len().saturating_sub(RUNS_MAX);
        self.runs.drain(..too_many);
    }

    /// A delivery under its own id that sends this one again as it was last rendered (the contract, "Resend"), to `url`
    /// where one is given; `None` where it was never rendered. Both sides are to remember each other.
    pub fn sent_again(&self, serial: Serial, due: Timestamp, url: Option<String>) -> Option<Self> {
        let rendering = self.renderings.last()?;
        Some(Self {
            id: DeliveryId { lane: self.id.lane, serial },
            lead: self.lead.clone(),
            trigger: self.trigger,
            occurred_at: self.occurred_at,
            source: Source::Version(rendering.lead_version),
            state: State::Scheduled { due },
            renderings: Vec::new(),
            attempts: Vec::new(),
            runs: Vec::new(),
            resend_of: Some(ResendOf { first: self.id, url }),
            resends: Vec::new(),
        })
    }

    /// The lead version to render from: that of the first rendering if there was one.
    pub fn lead_source(&self) -> Source {
        self.renderings.first().map_or(self.source, |rendering| Source::Version(rendering.lead_version))
    }
}
