//! Links to recordings: each carries a token that opens one lead's recording and no other.
//!
//! The token is a JWT (RFC 7519) signed with HS256 (RFC 7518, section 3.2). Of its header only the bytes that
//! this module writes are accepted, so that no other algorithm can be asked for (RFC 8725, section 3.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    id::{DeliveryId, LeadRef},
    time::Timestamp,
};

/// How long a link opens its recording, in days, unless set: longer than any retry (the contract, "Rendering and encoding").
pub const LINK_DAYS_DEFAULT: u32 = 30;

/// How recordings are linked.
#[derive(Clone)]
pub struct RecordingLinks {
    /// The engine's own public address without a slash at its end, such as `https://hooks.example`.
    pub base_url: String,
    /// The key that signs tokens; at least 32 bytes (RFC 7518, section 3.2).
    pub key: Vec<u8>,
    /// Days of 24 hours after which a link no longer opens; 30 unless set.
    pub expires_days: u32,
}

impl fmt::Debug for RecordingLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingLinks")
            .field("base_url", &self.base_url)
            .field("expires_days", &self.expires_days)
            .finish_non_exhaustive()
    }
}

/// What a token says; the names are those of RFC 7519, section 4.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The delivery that bore the link.
    pub sub: String,
    /// The lead whose recording it opens, as `site/kind/id`.
    pub lead: String,
    /// When it was made, in Unix seconds.
    pub iat: i64,
    /// When it ends, in Unix seconds.
    pub exp: i64,
    /// Tells this link from every other.
    pub jti: String,
}

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The most bytes of a token that are looked at; longer ones are not ours.
const TOKEN_BYTES_MAX: usize = 2_048;

/// A fresh link to a lead's recording, for one rendering of a delivery.
pub fn link(links: &RecordingLinks, delivery: DeliveryId, lead: &LeadRef, now: Timestamp) -> String {
    let sub = delivery.to_string();
    // Derived rather than random, so that a rendering is a function of its arguments.
    let mut unique = mac(&links.key);
    unique.update(sub.as_bytes());
    unique.update(&now.0.to_be_bytes());
    let jti = HEXLOWER.encode(&unique.finalize().into_bytes()[..16]);
    let iat = now.unix_seconds();
    let exp = iat.saturating_add(i64::from(links.expires_days) * 86_400);
    let claims = Claims { sub, lead: lead.to_string(), iat, exp, jti };
    let claims = serde_json::to_vec(&claims).expect("texts and numbers always make JSON");
    let signed = format!("{HEADER}.{}", BASE64.encode(claims));
    let mut signature = mac(&links.key);
    signature.update(signed.as_bytes());
    let signature = BASE64.encode(signature.finalize().into_bytes());
    format!("{}/rec/{signed}.{signature}", links.base_url.trim_end_matches('/'))
}

/// What a token says, if this key signed it and it has not expired; `None` for anything else.
pub fn open(token: &str, key: &[u8], now: Timestamp) -> Option<Claims> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let payload = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
    let mut expected = mac(key);
    expected.update(signed.as_bytes());
    expected.verify_slice(&BASE64.decode(signature).ok()?).ok()?;
    let claims: Claims = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
    (now.unix_seconds() < claims.exp).then_some(claims)
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{Lane, SiteId, WebhookId},
        lead::LeadKind,
        time::{DAY_MS, Serial},
    };

    const NOW: Timestamp = Timestamp(1_772_125_417_000);

    fn links() -> RecordingLinks {
        RecordingLinks { base_url: "https://hooks.example/".to_owned(), key: vec![7; 32], expires_days: 30 }
    }

    fn fresh(now: Timestamp) -> String {
        let lane = Lane { webhook: WebhookId(1), lead: Serial(2) };
        let lead =
            LeadRef { site: SiteId::new("60001").unwrap(), kind: LeadKind::Call, id: "a\"/1".to_owned() };
        link(&links(), DeliveryId { lane, serial: Serial(3) }, &lead, now)
    }

    #[test]
    fn a_link_opens_its_own_recording_until_it_expires() {
        let link = fresh(NOW);
        let token = link.strip_prefix("https://hooks.example/rec/").unwrap();
        let claims = open(token, &[7; 32], NOW).unwrap();
        assert_eq!(claims.lead, "60001/call/a\"/1");
        assert_eq!(claims.exp - claims.iat, 30 * 86_400);
        assert!(claims.sub.starts_with("dlv_"));
        assert!(open(token, &[7; 32], NOW.plus_ms(30 * DAY_MS - 1)).is_some());
        assert!(open(token, &[7; 32], NOW.plus_ms(30 * DAY_MS)).is_none());
    }

    #[test]
    fn a_forged_or_foreign_token_opens_nothing() {
        let link = fresh(NOW);
        let token = link.rsplit('/').next().unwrap();
        assert!(open(token, &[8; 32], NOW).is_none());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let unsigned = BASE64.encode(br#"{"alg":"none"}"#);
        let payload = signed.split_once('.').unwrap().1;
        let forged = [
            format!("{unsigned}.{payload}."),
            format!("{unsigned}.{payload}.{signature}"),
            format!("{signed}."),
            format!("{HEADER}.{}.{signature}", BASE64.encode("{}")),
            "x".repeat(TOKEN_BYTES_MAX + 1),
            String::new(),
            "..".to_owned(),
        ];
        for token in forged {
            assert!(open(&token, &[7; 32], NOW).is_none(), "{token}");
        }
    }

    #[test]
    fn every_rendering_mints_another_token() {
        assert_ne!(fresh(NOW), fresh(NOW.plus_ms(1)));
        assert_eq!(BASE64.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    }
}
