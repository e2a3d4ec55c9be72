//! Who calls: the account that the request's key speaks for.

use std::{collections::HashMap, sync::RwLock};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use leadhook_core::id::AccountId;
use leadhook_store::KeyDigest;
use sha2::{Digest as _, Sha256};

use super::{Api, problem::Problem};

/// The most keys that are remembered; beyond them they are learned anew.
const KEYS_KEPT_MAX: usize = 10_000;
/// The most bytes a key may have.
const KEY_BYTES_MAX: usize = 512;

/// The account that calls. Taking it as an argument is what makes a call need a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) AccountId);

/// Keys that were found good, by their digest: most calls come with the same few.
#[derive(Debug, Default)]
pub(super) struct KnownKeys(RwLock<HashMap<KeyDigest, AccountId>>);

impl KnownKeys {
    fn get(&self, digest: &KeyDigest) -> Option<AccountId> {
        self.0.read().ok()?.get(digest).copied()
    }

    fn remember(&self, digest: KeyDigest, account: AccountId) {
        let Ok(mut known) = self.0.write() else { return };
        if known.len() >= KEYS_KEPT_MAX {
            known.clear();
        }
        known.insert(digest, account);
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Some(key) = bearer(&parts.headers) else {
            let detail = "this call needs a key: `Authorization: Bearer KEY`";
            return Err(unauthorized("Bearer", detail));
        };
        let digest: KeyDigest = Sha256::digest(key.as_bytes()).into();
        if let Some(account) = api.keys.get(&digest) {
            return Ok(Self(account));
        }
        match api.engine.store().account_of_key(digest).await? {
            Some(account) => {
                api.keys.remember(digest, account);
                Ok(Self(account))
            }
            None => Err(unauthorized("Bearer error=\"invalid_token\"", "this key is not known")),
        }
    }
}

/// The key of `Authorization: Bearer KEY`; the scheme's case does not count (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    let is_key = scheme.eq_ignore_ascii_case("bearer") && (1..=KEY_BYTES_MAX).contains(&key.len());
    is_key.then_some(key)
}

/// The challenge is that of RFC 6750, section 3.
fn unauthorized(challenge: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
