//! Who calls: the account that the request's key speaks for, or the operator.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use leadhook_core::{
    account::{
        AccountState,
        key::{Scope, id_of},
    },
    audit::Author,
    id::AccountId,
};
use leadhook_store::{KeyDigest, KnownKey};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Api, problem::Problem, scope::Need};

/// The most bytes a key may have.
const KEY_BYTES_MAX: usize = 512;

/// Whom a request speaks for. The gate found it out before the call was reached.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// Whoever has this key of an account.
    Account(Arc<KnownKey>),
    /// Whoever has the operator's key.
    Operator,
}

impl Identity {
    /// As the trail of changes names it.
    pub(super) fn author(&self) -> Author {
        match self {
            Self::Account(known) => Author::Key { id: known.key.id, name: known.key.name.clone() },
            Self::Operator => Author::Operator,
        }
    }
}

/// The account that calls. Taking it as an argument is what makes a call need an account's key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) AccountId);

/// Proof that the operator calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByOperator;

/// Finds out whom a request speaks for, and whether that is enough for what it needs.
pub(super) async fn identify(api: &Api, headers: &HeaderMap, need: Need) -> Result<Identity, Problem> {
    let identity = known(api, headers).await?;
    match (&identity, need) {
        (Identity::Operator, Need::Operator | Need::Either(_)) => {}
        (Identity::Operator, Need::Account(_) | Need::Nothing) => {
            let detail = "the operator's key makes accounts and their keys; this call takes a key of an account: \
                          POST /v1/accounts/{id}/keys makes one";
            return Err(Problem::forbidden("account_key_needed", detail));
        }
        (Identity::Account(_), Need::Operator) => {
            let detail =
                "this call takes the operator's key, which `leadhook serve` keeps in DIR/operator-key";
            return Err(Problem::forbidden("operator_key_needed", detail));
        }
        (Identity::Account(known), Need::Account(scope) | Need::Either(scope)) => {
            check(api, known, scope).await?;
        }
        (Identity::Account(_), Need::Nothing) => {}
    }
    Ok(identity)
}

async fn check(api: &Api, known: &KnownKey, scope: Scope) -> Result<(), Problem> {
    if !known.key.opens(scope) {
        let detail = format!("this call takes a key with the scope `{scope}`, which this key does not have");
        return Err(Problem::forbidden("scope_missing", detail).with("scope", scope.word()));
    }
    match scope {
        Scope::Read => refuse_closed(api, known.key.account).await,
        Scope::Events | Scope::Manage => refuse_inactive(api, known.key.account).await,
    }
}

async fn state(api: &Api, account: AccountId) -> Result<AccountState, Problem> {
    let known = api.engine.store().known_account(account).await?;
    Ok(known.map_or(AccountState::Active, |known| known.terms.state))
}

/// Refuses what would be done for an account that is closed.
pub(super) async fn refuse_closed(api: &Api, account: AccountId) -> Result<(), Problem> {
    match state(api, account).await? {
        AccountState::Closed => Err(Problem::forbidden("account_closed", "the account is closed")),
        AccountState::Active | AccountState::Suspended => Ok(()),
    }
}

/// Refuses what an account does that takes nothing in and changes nothing.
pub(super) async fn refuse_inactive(api: &Api, account: AccountId) -> Result<(), Problem> {
    match state(api, account).await? {
        AccountState::Suspended => {
            let detail = "the account is suspended: it can be read, and what it owes is sent";
            Err(Problem::forbidden("account_suspended", detail))
        }
        AccountState::Active | AccountState::Closed => refuse_closed(api, account).await,
    }
}

/// Whether what was let in would be let in now: the key may be gone since, or its account closed.
pub(super) async fn is_still_open(api: &Api, identity: &Identity, scope: Scope) -> bool {
    let Identity::Account(known) = identity else { return true };
    let kept = api.engine.store().key(known.key.id).await;
    let is_kept = kept.is_ok_and(|kept| kept.is_some()) && !known.key.has_expired(api.engine.now());
    is_kept && check(api, known, scope).await.is_ok()
}

async fn known(api: &Api, headers: &HeaderMap) -> Result<Identity, Problem> {
    let Some(key) = bearer(headers) else {
        let detail = "this call needs a key: `Authorization: Bearer KEY`";
        return Err(unauthorized("Bearer", detail));
    };
    let digest: KeyDigest = Sha256::digest(key.as_bytes()).into();
    if api.settings.operator.is_some_and(|operator| operator.ct_eq(&digest).into()) {
        return Ok(Identity::Operator);
    }
    let store = api.engine.store();
    let by_id = match id_of(key) {
        Some(id) => store.key(id).await?.filter(|known| known.is_opened_by(&digest)),
        None => None,
    };
    let found = match by_id {
        Some(known) => Some(known),
        None => store.first_key(digest).await?,
    };
    let Some(known) = found else {
        return Err(unauthorized("Bearer error=\"invalid_token\"", "this key is not known"));
    };
    let now = api.engine.now();
    if known.key.has_expired(now) {
        return Err(unauthorized("Bearer error=\"invalid_token\"", "this key has expired"));
    }
    known.note_use(now);
    Ok(Identity::Account(known))
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

impl FromRequestParts<Api> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::internal(&"this call stands in no row of the table of scopes"))
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Identity::from_request_parts(parts, api).await? {
            Identity::Account(known) => Ok(Self(known.key.account)),
            Identity::Operator => Err(Problem::internal(&"the table of scopes gives an account's call away")),
        }
    }
}

impl FromRequestParts<Api> for ByOperator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Identity::from_request_parts(parts, api).await? {
            Identity::Operator => Ok(Self),
            Identity::Account(_) => {
                Err(Problem::internal(&"the table of scopes gives an operator's call away"))
            }
        }
    }
}
