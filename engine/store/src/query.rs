//! What readers ask for: filters of lists, and pages of them.

use leadhook_core::{
    delivery::StateName,
    event::Trigger,
    id::{LeadRef, SiteId, WebhookId},
    lead::LeadKind,
    qualify::Client,
    time::{Serial, Timestamp},
};

/// The most rows one page may have.
pub const LIMIT_MAX: usize = 500;

/// Which deliveries are asked for. A filter left out lets all through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryQuery {
    /// Of one webhook.
    pub webhook: Option<WebhookId>,
    /// Of leads of one site.
    pub site: Option<SiteId>,
    /// Of one lead.
    pub lead: Option<LeadRef>,
    /// In one state.
    pub state: Option<StateName>,
    /// For one trigger.
    pub trigger: Option<Trigger>,
    /// Owed since not earlier than this.
    pub from: Option<Timestamp>,
    /// Owed since earlier than this.
    pub to: Option<Timestamp>,
    /// At most this many, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Only those owed before this serial: the `next` of the page before.
    pub before: Option<Serial>,
}

/// Which leads are asked for. A filter left out lets all through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeadQuery {
    /// Of one site.
    pub site: Option<SiteId>,
    /// Of one kind.
    pub kind: Option<LeadKind>,
    /// Of one client; needs no `site`.
    pub client: Option<Client>,
    /// Begun not earlier than this.
    pub from: Option<Timestamp>,
    /// Begun earlier than this.
    pub to: Option<Timestamp>,
    /// At most this many, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Only those that arrived before this serial: the `next` of the page before.
    pub before: Option<Serial>,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` when there is none. A page may have fewer rows than asked for,
    /// even none, and still have a next one: a read looks at a bounded number of rows.
    pub next: Option<Serial>,
}
