//! Tokens of relays: made and shown once, listed without what opens them, revoked.

use axum::{
    Json as Answer,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use leadhook_core::id::{SiteId, base32};
use leadhook_store::{KeyDigest, Relay};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::api::{
    Api,
    auth::Caller,
    problem::{Problem, ProblemBody},
    query::{Id, Named as _, path_parts},
};

/// The most tokens of one site.
const RELAYS_MAX: usize = 20;
/// What a token begins with.
const TOKEN_PREFIX: &str = "rly_";

/// What a token is stored and found by.
pub(super) fn digest(token: &str) -> KeyDigest {
    Sha256::digest(token.as_bytes()).into()
}

/// A token as it is made; no call answers it again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RelayMade)]
pub(in crate::api) struct RelayMade {
    #[serde(flatten)]
    relay: RelayShown,
    /// Who has it can send leads of this site and nothing else.
    #[schema(example = "rly_0h2k5n8r1t4w7z0h2k5n8r1t4w7z0h2k")]
    token: String,
    /// Where the tracking service's webhooks go, under this engine's address.
    #[schema(example = "/v1/relay/rly_0h2k5n8r1t4w7z0h2k5n8r1t4w7z0h2k")]
    path: String,
}

/// A token, without what opens it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Relay)]
pub(in crate::api) struct RelayShown {
    /// What it is known and revoked by.
    #[schema(example = "relay_5n8r1t4w7z0h2")]
    id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    made_at: String,
}

impl RelayShown {
    fn of(relay: &Relay) -> Self {
        Self { id: relay.id(), made_at: relay.made_at.to_rfc3339() }
    }
}

/// A site's tokens, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct RelayList {
    /// The tokens, at most 20.
    relays: Vec<RelayShown>,
}

/// A token that a path names: by its id, or as it was shown.
pub(in crate::api) struct TokenNamed {
    site: SiteId,
    token: String,
}

impl FromRequestParts<Api> for TokenNamed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let [site, token] = path_parts(parts, api).await?;
        Ok(Self { site: SiteId::by_id(&site).map_err(Problem::not_found)?, token })
    }
}

/// Make a token for a site
///
/// The tracking service's webhooks come in under it. It is shown this once. To replace one, make another, point the
/// service there, and revoke the first.
#[utoipa::path(post, path = "/v1/sites/{id}/relays", tag = "relay",
    params(("id" = String, Path, description = "The site's id", example = "60001")),
    responses(
        (status = 201, description = "Made", body = RelayMade),
        (status = 404, description = "There is no such site", body = ProblemBody),
        (status = 409, description = "`too_many_relays`: the site has as many as it may", body = ProblemBody),
    ))]
pub(in crate::api) async fn create(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(site): Id<SiteId>,
) -> Result<(StatusCode, Answer<RelayMade>), Problem> {
    let (store, made_at) = (api.engine.store(), api.engine.now());
    if store.relays(account, &site).await?.len() >= RELAYS_MAX {
        let detail =
            format!("the site has {RELAYS_MAX} tokens, as many as it may; revoke one that is not used");
        return Err(Problem::conflict("too_many_relays", detail));
    }
    let random: [u8; 20] = rand::random();
    let token = format!("{TOKEN_PREFIX}{}", base32().encode(&random));
    let relay = Relay { account, site, digest: digest(&token), made_at };
    let (shown, unknown_site) = (RelayShown::of(&relay), unknown_site(&relay.site));
    match store.put_relay(relay).await? {
        true => {
            let path = format!("/v1/relay/{token}");
            Ok((StatusCode::CREATED, Answer(RelayMade { relay: shown, token, path })))
        }
        false => Err(unknown_site),
    }
}

/// A site's tokens
///
/// What they are known by; the tokens themselves are not stored.
#[utoipa::path(get, path = "/v1/sites/{id}/relays", tag = "relay",
    params(("id" = String, Path, description = "The site's id", example = "60001")),
    responses(
        (status = 200, description = "The newest first", body = RelayList),
        (status = 404, description = "There is no such site", body = ProblemBody),
    ))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(site): Id<SiteId>,
) -> Result<Answer<RelayList>, Problem> {
    let store = api.engine.store();
    if store.site(account, &site).await?.is_none() {
        return Err(unknown_site(&site));
    }
    let relays = store.relays(account, &site).await?;
    Ok(Answer(RelayList { relays: relays.iter().map(RelayShown::of).collect() }))
}

/// Revoke a token
///
/// By its id, or by the token itself. From now on nothing is taken in under it.
#[utoipa::path(delete, path = "/v1/sites/{id}/relays/{token}", tag = "relay",
    params(
        ("id" = String, Path, description = "The site's id", example = "60001"),
        ("token" = String, Path, description = "The token's id, or the token", example = "relay_5n8r1t4w7z0h2"),
    ),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "The site has no such token", body = ProblemBody),
    ))]
pub(in crate::api) async fn delete(
    State(api): State<Api>,
    Caller(account): Caller,
    TokenNamed { site, token }: TokenNamed,
) -> Result<StatusCode, Problem> {
    let store = api.engine.store();
    let own = digest(&token);
    let is_named = |relay: &Relay| relay.digest == own || relay.id() == token;
    let named = store.relays(account, &site).await?.into_iter().find(is_named);
    let deleted = match named {
        Some(relay) => store.delete_relay(account, relay.digest).await?,
        None => false,
    };
    match deleted {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("the site `{site}` has no such token"))),
    }
}

fn unknown_site(site: &SiteId) -> Problem {
    Problem::not_found(format!("the account has no site `{site}`; make it with PUT /v1/sites/{site}"))
}
