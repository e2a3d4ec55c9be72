//! Links to recordings: each carries a token that opens one lead's recording and no other.
//!
//! The token is a JWT (RFC 7519) signed with HS256 (RFC 7518, section 3.2). Of its header only the bytes that
//! this module writes are accepted, so that no other algorithm can be asked for (RFC 8725, section 3.1); it names
//! the account's key (RFC 7515, section 4.1.4), so that keys can be rotated.

pub mod key;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    id::{AccountId, DeliveryId, LeadRef},
    time::Timestamp,
};

/// How long a link opens its recording, in days: longer than any retry (the contract, "Rendering and encoding").
pub const LINK_DAYS_DEFAULT: u32 = 30;

/// The first part of a link's path under the engine's public address.
const PATH: &str = "rec";

/// Names a key that signs tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkKeyId {
    /// Whose.
    pub account: AccountId,
    /// Which of the account's keys, from 1.
    pub number: u32,
}

impl fmt::Display for LinkKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.account.0, self.number)
    }
}

/// How recordings are linked.
#[derive(Clone)]
pub struct RecordingLinks {
    /// The engine's own public address without a slash at its end, such as `https://hooks.example`.
    pub base_url: String,
    /// The key that signs tokens.
    pub key: LinkKeyId,
    /// Its secret (RFC 7518, section 3.2).
    pub secret: [u8; 32],
    /// Days of 24 hours after which a link no longer opens; at most [`LINK_DAYS_DEFAULT`], since a key that is not
    /// used any more is kept as long as that.
    pub expires_days: u32,
}

impl fmt::Debug for RecordingLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingLinks")
            .field("base_url", &self.base_url)
            .field("key", &self.key)
            .field("expires_days", &self.expires_days)
            .finish_non_exhaustive()
    }
}

/// What a token says; the names are those of RFC 7519, section 4.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// The delivery that bore the link.
    sub: String,
    /// The lead whose recording it opens, as `site/kind/id`.
    lead: String,
    /// When it was made, in Unix seconds.
    iat: i64,
    /// When it ends, in Unix seconds.
    exp: i64,
    /// Tells this link from every other.
    jti: String,
}

/// `{"alg":"HS256","typ":"JWT"}` in base64url: the header of tokens that were made before keys had numbers. There
/// was one account then, and it had one key.
const HEADER_WITHOUT_KEY: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const KEY_WITHOUT_NAME: LinkKeyId = LinkKeyId { account: AccountId::DEFAULT, number: 1 };
const HEADER_BEFORE_KEY: &str = r#"{"alg":"HS256","kid":""#;
const HEADER_AFTER_KEY: &str = r#"","typ":"JWT"}"#;

/// The most bytes of a token that are looked at; longer ones are not ours.
const TOKEN_BYTES_MAX: usize = 2_048;

/// A fresh link to a lead's recording, for one rendering of a delivery.
pub fn link(links: &RecordingLinks, delivery: DeliveryId, lead: &LeadRef, now: Timestamp) -> String {
    let sub = delivery.to_string();
    // Derived rather than random, so that a rendering is a function of its arguments.
    let mut unique = mac(&links.secret);
    unique.update(sub.as_bytes());
    unique.update(&now.0.to_be_bytes());
    let jti = HEXLOWER.encode(&unique.finalize().into_bytes()[..16]);
    let iat = now.unix_seconds();
    let exp = iat.saturating_add(i64::from(links.expires_days) * 86_400);
    let claims = Claims { sub, lead: lead.to_string(), iat, exp, jti };
    let claims = serde_json::to_vec(&claims).expect("texts and numbers always make JSON");
    let signed = format!("{}.{}", header(links.key), BASE64.encode(claims));
    let mut signature = mac(&links.secret);
    signature.update(signed.as_bytes());
    let signature = BASE64.encode(signature.finalize().into_bytes());
    format!("{}/{PATH}/{signed}.{signature}", links.base_url.trim_end_matches('/'))
}

/// A token as somebody brought it: of the right form, and not believed yet.
#[derive(Debug)]
pub struct Token<'a> {
    /// The key that it says it was signed with.
    pub key: LinkKeyId,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// What a token that is believed opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The lead whose recording it is.
    pub lead: LeadRef,
    /// The id of the delivery that bore the link.
    pub delivery: String,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was not signed with this key.
    Forged,
    /// It was ours, and its time is over.
    Expired,
}

impl<'a> Token<'a> {
    /// Takes a token apart; `None` for what cannot be one of ours.
    pub fn read(token: &'a str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        Some(Self { key: key_of(header)?, signed, payload, signature: BASE64.decode(signature).ok()? })
    }

    /// What it opens at `now`, if `secret` is that of its key.
    ///
    /// # Errors
    /// Only whoever holds a token that was once good learns that it has expired.
    pub fn open(&self, secret: &[u8; 32], now: Timestamp) -> Result<Opened, Closed> {
        let mut expected = mac(secret);
        expected.update(self.signed.as_bytes());
        expected.verify_slice(&self.signature).map_err(|_| Closed::Forged)?;
        let claims = BASE64.decode(self.payload).ok();
        let claims: Option<Claims> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let claims = claims.ok_or(Closed::Forged)?;
        if now.unix_seconds() >= claims.exp {
            return Err(Closed::Expired);
        }
        let lead = LeadRef::by_text(&claims.lead).ok_or(Closed::Forged)?;
        Ok(Opened { lead, delivery: claims.sub })
    }
}

fn header(key: LinkKeyId) -> String {
    BASE64.encode(format!("{HEADER_BEFORE_KEY}{key}{HEADER_AFTER_KEY}"))
}

/// The key that a header names, if the header is byte for byte the one that is written for it.
fn key_of(given: &str) -> Option<LinkKeyId> {
    if given == HEADER_WITHOUT_KEY {
        return Some(KEY_WITHOUT_NAME);
    }
    let text = String::from_utf8(BASE64.decode(given).ok()?).ok()?;
    let name = text.strip_prefix(HEADER_BEFORE_KEY)?.strip_suffix(HEADER_AFTER_KEY)?;
    let (account, number) = name.split_once('.')?;
    let key = LinkKeyId { account: AccountId(account.parse().ok()?), number: number.parse().ok()? };
    (header(key) == given).then_some(key)
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests;
