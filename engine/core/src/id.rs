//! How things are named: accounts, sites, leads, webhooks and deliveries.

use std::{fmt, str::FromStr};

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

use crate::{lead::LeadKind, time::Serial};

/// An account's number in this store. 1 is the account `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub u32);

impl AccountId {
    /// The account that an empty data folder begins with.
    pub const DEFAULT: Self = Self(1);
    /// No customer's: under it stand the versions of plugins that came with this engine and with earlier ones.
    pub const ENGINE: Self = Self(0);
}

/// A site's id as the source names it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SiteId(String);

impl SiteId {
    /// The most characters a site's id may have.
    pub const CHARACTERS_MAX: usize = 64;

    /// Takes an id of 1 to 64 characters of `A-Z a-z 0-9 . _ -`; `None` for anything else.
    pub fn new(id: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=Self::CHARACTERS_MAX).contains(&id.len()) && id.chars().all(plain);
        fits.then(|| Self(id.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the source knows a lead: site, kind, and the source's own id of 1 to 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeadRef {
    /// The site it came in on.
    pub site: SiteId,
    /// A call or a request.
    pub kind: LeadKind,
    /// The source's id; text, since real ones have 19 digits.
    pub id: String,
}

impl LeadRef {
    /// The most bytes a lead's id may have.
    pub const ID_BYTES_MAX: usize = 128;

    /// The one that is shown as this text, `site/kind/id`; an id may hold slashes itself.
    pub fn by_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (site, kind, id) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { site: SiteId::new(site)?, kind: LeadKind::by_word(kind)?, id: id.to_owned() })
    }
}

impl fmt::Display for LeadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.site, self.kind, self.id)
    }
}

/// A webhook's id: a random number, so that two engines never give the same delivery id to one receiver.
/// Shown as `wh_` and 13 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookId(pub u64);

/// A resend's id: the serial at which it was asked for; what became owed later is not among what it sends again.
/// Shown as `rs_` and 13 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResendId(pub Serial);

/// An erasure's id: the serial at which it was asked for; leads that arrived later are not looked at.
/// Shown as `er_` and 13 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErasureId(pub Serial);

/// A delivery's id: its lane and its own number, so that nothing need be looked up to find it.
/// Shown as `dlv_` and 39 letters and digits; sent as `webhook-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The lane it stands in.
    pub lane: Lane,
    /// Its own number; larger ones of a lane go out later.
    pub serial: Serial,
}

/// The deliveries of one webhook for one lead, which go out one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The webhook.
    pub webhook: WebhookId,
    /// The lead, by the number it was given at its arrival.
    pub lead: Serial,
}

/// Crockford's base 32 in lower case: no letters that read like digits (<https://www.crockford.com/base32.html>).
pub fn base32() -> &'static Encoding {
    static BASE32: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
        specification.encoding().expect("32 distinct symbols make an encoding")
    });
    &BASE32
}

/// The text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id: it begins with `{prefix}`")]
pub struct NotAnId {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

fn decode<const N: usize>(text: &str, kind: &'static str, prefix: &'static str) -> Result<[u8; N], NotAnId> {
    text.strip_prefix(prefix)
        .and_then(|rest| base32().decode(rest.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| NotAnId { text: text.chars().take(64).collect(), kind, prefix })
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wh_{}", base32().encode(&self.0.to_be_bytes()))
    }
}

impl FromStr for WebhookId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        decode(text, "webhook", "wh_").map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl fmt::Display for ResendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rs_{}", base32().encode(&self.0.0.to_be_bytes()))
    }
}

impl FromStr for ResendId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        decode(text, "resend", "rs_").map(|bytes| Self(Serial(u64::from_be_bytes(bytes))))
    }
}

impl fmt::Display for ErasureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "er_{}", base32().encode(&self.0.0.to_be_bytes()))
    }
}

impl FromStr for ErasureId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        decode(text, "erasure", "er_").map(|bytes| Self(Serial(u64::from_be_bytes(bytes))))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.lane.webhook.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.lane.lead.0.to_be_bytes());
        bytes[16..].copy_from_slice(&self.serial.0.to_be_bytes());
        write!(f, "dlv_{}", base32().encode(&bytes))
    }
}

impl FromStr for DeliveryId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes: [u8; 24] = decode(text, "delivery", "dlv_")?;
        let number = |from: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[from..from + 8]);
            u64::from_be_bytes(eight)
        };
        let lane = Lane { webhook: WebhookId(number(0)), lead: Serial(number(8)) };
        Ok(Self { lane, serial: Serial(number(16)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_as_they_are_shown() {
        let lane = Lane { webhook: WebhookId(u64::MAX - 7), lead: Serial(42 << 16) };
        let delivery = DeliveryId { lane, serial: Serial(u64::MAX) };
        assert_eq!(delivery.to_string().parse(), Ok(delivery));
        assert_eq!(lane.webhook.to_string().parse(), Ok(lane.webhook));
        let resend = ResendId(lane.lead);
        assert_eq!(resend.to_string().parse(), Ok(resend));
        let erasure = ErasureId(lane.lead);
        assert_eq!(erasure.to_string().parse(), Ok(erasure));
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_the_form_it_should_have() {
        for text in ["", "dlv_", "wh_0000000000000", "dlv_!!", "dlv_0000"] {
            let error = text.parse::<DeliveryId>().unwrap_err();
            assert!(error.to_string().contains("dlv_"), "{error}");
        }
        assert!(
            SiteId::new("").is_none()
                && SiteId::new("a/b").is_none()
                && SiteId::new(&"x".repeat(65)).is_none()
        );
    }
}
