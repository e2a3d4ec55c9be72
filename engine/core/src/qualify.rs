//! Qualification: whether a lead is the client's first, whether it is a target, and which traces of a
//! client the store keeps so that this can be said.

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Parameter,
    fact::Fact,
    id::SiteId,
    lead::{Decided, Lead, LeadKind},
    phone,
    site::Site,
    time::{DAY_MS, Serial, Timestamp},
};

/// Whether a call of this talk time in seconds is a target call; of unknown talk time it is not.
pub fn target_call(site: &Site, duration: Option<i64>) -> bool {
    let bounds = site.target_call;
    duration.is_some_and(|seconds| {
        seconds >= i64::from(bounds.min_seconds)
            && bounds.max_seconds.is_none_or(|most| seconds <= i64::from(most))
    })
}

/// Whether a request came from a plausible phone, or from an e-mail with `@` and a domain after it.
pub fn target_request(phone: Option<&str>, email: Option<&str>) -> bool {
    phone.is_some_and(phone::is_plausible) || email.is_some_and(has_domain)
}

fn has_domain(email: &str) -> bool {
    let Some((name, domain)) = email.trim().rsplit_once('@') else { return false };
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    !name.is_empty() && !host.is_empty() && top.chars().count() >= 2 && !domain.contains(char::is_whitespace)
}

/// How a client is recognised: the digits of a phone, or an e-mail in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Client {
    /// By phone.
    Phone(String),
    /// By e-mail.
    Email(String),
}

impl Client {
    /// From a phone as it is kept; `None` without a digit.
    pub fn by_phone(phone: &str) -> Option<Self> {
        phone.contains(|c: char| c.is_ascii_digit()).then(|| Self::Phone(phone.to_owned()))
    }

    /// From an e-mail; `None` when it is empty.
    pub fn by_email(email: &str) -> Option<Self> {
        let email = email.trim().to_lowercase();
        (!email.is_empty()).then_some(Self::Email(email))
    }

    /// The ways to recognise this lead's client.
    pub fn of(lead: &Lead) -> Vec<Self> {
        let phone = lead.text(Parameter::CallerPhone).and_then(Self::by_phone);
        let email = lead.text(Parameter::Email).and_then(Self::by_email);
        phone.into_iter().chain(email).collect()
    }
}

/// What a trace says of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum TraceKind {
    /// A call began.
    Call = 0,
    /// A request was left.
    Request = 1,
    /// A target call began.
    TargetCall = 2,
    /// A target request was left.
    TargetRequest = 3,
}

/// One trace of a client on a site: state that the store keeps and answers questions from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Trace {
    /// On which site.
    pub site: SiteId,
    /// Whose.
    pub client: Client,
    /// Of what.
    pub kind: TraceKind,
    /// When the lead began.
    pub started: Timestamp,
    /// By which lead.
    pub lead: Serial,
}

/// A question to the kept traces: is there one of this client on this site, of this kind, begun in `from ≤ t < before`?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// On which site.
    pub site: &'a SiteId,
    /// Whose.
    pub client: &'a Client,
    /// Of what.
    pub kind: TraceKind,
    /// Not earlier than this.
    pub from: Timestamp,
    /// Earlier than this.
    pub before: Timestamp,
}

impl Question<'_> {
    /// Whether this trace answers it with yes.
    pub fn is_answered_by(&self, trace: &Trace) -> bool {
        trace.site == *self.site
            && trace.client == *self.client
            && trace.kind == self.kind
            && (self.from..self.before).contains(&trace.started)
    }
}

/// The traces that a lead leaves.
pub fn traces(lead: &Lead) -> Vec<Trace> {
    let (plain, target) = kinds(lead.reference.kind);
    let kinds = std::iter::once(plain).chain((lead.decided.target == Some(true)).then_some(target));
    let clients = Client::of(lead);
    kinds
        .flat_map(|kind| clients.iter().map(move |client| (kind, client)))
        .map(|(kind, client)| Trace {
            site: lead.reference.site.clone(),
            client: client.clone(),
            kind,
            started: lead.start.at,
            lead: lead.serial,
        })
        .collect()
}

fn kinds(kind: LeadKind) -> (TraceKind, TraceKind) {
    match kind {
        LeadKind::Call => (TraceKind::Call, TraceKind::TargetCall),
        LeadKind::Request => (TraceKind::Request, TraceKind::TargetRequest),
    }
}

/// Decides what can be decided now and was not before; what was decided stays.
///
/// `unique` at arrival; `target` and `unique_target` of a call when its talk time is first known, of a
/// request at arrival. `seen` answers from the kept traces.
pub fn decide(
    lead: &Lead,
    is_new: bool,
    site: &Site,
    seen: &mut dyn FnMut(&Question<'_>) -> bool,
) -> Decided {
    let mut decided = lead.decided;
    let clients = Client::of(lead);
    let before = lead.start.at;
    let from = before.plus_ms(-i64::from(site.uniqueness_days) * DAY_MS);
    let mut first = |kinds: &[TraceKind]| {
        let mut asked = kinds.iter().flat_map(|kind| clients.iter().map(move |client| (*kind, client)));
        !asked.any(|(kind, client)| seen(&Question { site: &site.id, client, kind, from, before }))
    };
    let (plain, target) = kinds(lead.reference.kind);
    if is_new {
        decided.unique = match site.cross_uniqueness {
            true => first(&[TraceKind::Call, TraceKind::Request]),
            false => first(&[plain]),
        };
    }
    if decided.target.is_none()
        && let Some(is_target) = is_target(lead, is_new, site)
    {
        decided.target = Some(is_target);
        decided.unique_target = Some(is_target && first(&[target]));
    }
    decided
}

/// Whether the lead is a target one, as stated or else as derived; `None` while that cannot be said.
fn is_target(lead: &Lead, is_new: bool, site: &Site) -> Option<bool> {
    let (parameter, derived) = match lead.reference.kind {
        LeadKind::Call => {
            let duration = lead.int(Parameter::Duration);
            (Parameter::TargetCall, duration.map(|_| target_call(site, duration)))
        }
        LeadKind::Request => {
            let (phone, email) = (lead.text(Parameter::CallerPhone), lead.text(Parameter::Email));
            (Parameter::TargetRequest, is_new.then(|| target_request(phone, email)))
        }
    };
    match lead.facts.get(&parameter) {
        Some(Fact::Text(word)) => Some(word == "target"),
        _ => derived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_counts_when_a_domain_follows_the_at_sign() {
        for good in ["a@site.example", " user@Sub.Site.ru "] {
            assert!(target_request(None, Some(good)), "{good}");
        }
        for bad in ["", "a", "a@", "@site.ru", "a@site", "a@.ru", "a@site.", "a@si te.ru"] {
            assert!(!target_request(None, Some(bad)), "{bad}");
        }
        assert!(target_request(Some("79990000012"), None));
        assert!(!target_request(Some("79999999999"), Some("nobody")));
    }

    #[test]
    fn a_client_without_digits_is_nobody() {
        assert_eq!(Client::by_phone("anonymous"), None);
        assert_eq!(Client::by_email("  "), None);
        assert_eq!(Client::by_email(" A@B.ru"), Some(Client::Email("a@b.ru".to_owned())));
    }
}
