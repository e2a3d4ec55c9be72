//! The keys that sign links to recordings: listed without their secrets, rotated, revoked.

use axum::{Json as Answer, extract::State, http::StatusCode};
use leadhook_core::{parameter::recording::key::RecordingKey, time::Timestamp};
use leadhook_store::{KeyRevoked, KeyRotated};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{
    Api,
    auth::Caller,
    problem::{Problem, ProblemBody},
    query::{Id, Named},
};

/// What a key's number looks like.
const NUMBER_FORM: &str = "a key of recording links is known by its number, 1 or more";

/// A key's number.
pub(in crate::api) struct KeyNumber(u32);

impl Named for KeyNumber {
    fn by_id(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number >= 1);
        number.map(Self).ok_or_else(|| NUMBER_FORM.to_owned())
    }
}

/// A key, without its secret, which no call answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingKey)]
pub(in crate::api) struct KeyShown {
    /// Its number; never given again.
    #[schema(minimum = 1)]
    number: u32,
    /// Whether it signs the links that are made now.
    signs: bool,
    /// When it was made; absent for the one that the account began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    made_at: Option<String>,
    /// When another took its place; absent while it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    retired_at: Option<String>,
    /// Until when links that it signed open; absent while it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    opens_until: Option<String>,
}

impl KeyShown {
    fn of(key: &RecordingKey) -> Self {
        Self {
            number: key.number,
            signs: key.retired_at.is_none(),
            made_at: key.made_at.map(Timestamp::to_rfc3339),
            retired_at: key.retired_at.map(Timestamp::to_rfc3339),
            opens_until: key.opens_until().map(Timestamp::to_rfc3339),
        }
    }
}

/// An account's keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingKeyList)]
pub(in crate::api) struct KeyList {
    /// The keys that may still open links, the one that signs first; at most 20.
    recording_keys: Vec<KeyShown>,
}

/// The keys of recording links
///
/// Without their secrets, which no call answers.
#[utoipa::path(get, path = "/v1/recording-keys", tag = "recordings",
    responses((status = 200, description = "The one that signs first", body = KeyList)))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
) -> Result<Answer<KeyList>, Problem> {
    let now = api.engine.now();
    let keys = api.engine.store().recording_keys(account).await?;
    let recording_keys = keys.iter().filter(|key| key.opens_at(now)).map(KeyShown::of).collect();
    Ok(Answer(KeyList { recording_keys }))
}

/// Rotate the key of recording links
///
/// Makes another key, which signs all links from now on. Links that were sent before go on opening until they
/// expire; to end them at once, revoke the key that signed them.
#[utoipa::path(post, path = "/v1/recording-keys", tag = "recordings",
    responses(
        (status = 201, description = "Made", body = KeyShown),
        (status = 409, description = "`too_many_recording_keys`: the account has as many as it may", body = ProblemBody),
    ))]
pub(in crate::api) async fn rotate(
    State(api): State<Api>,
    Caller(account): Caller,
) -> Result<(StatusCode, Answer<KeyShown>), Problem> {
    match api.engine.rotate_recording_key(account).await? {
        KeyRotated::Rotated(key) => Ok((StatusCode::CREATED, Answer(KeyShown::of(&key)))),
        KeyRotated::TooMany => {
            let detail = "the account has as many keys as it may; revoke one whose links may end";
            Err(Problem::conflict("too_many_recording_keys", detail))
        }
        KeyRotated::UnknownAccount => Err(Problem::not_found("there is no such account")),
    }
}

/// Revoke a key of recording links
///
/// Links that it signed open nothing from now on: for a key that leaked.
#[utoipa::path(delete, path = "/v1/recording-keys/{number}", tag = "recordings",
    params(("number" = u32, Path, description = "The key's number", example = 1)),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "The account has no such key", body = ProblemBody),
        (status = 409, description = "`recording_key_signs`: rotate first", body = ProblemBody),
    ))]
pub(in crate::api) async fn revoke(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(KeyNumber(number)): Id<KeyNumber>,
) -> Result<StatusCode, Problem> {
    match api.engine.store().revoke_recording_key(account, number).await? {
        KeyRevoked::Revoked => Ok(StatusCode::NO_CONTENT),
        KeyRevoked::Signs => {
            let detail =
                "this key signs the links that are made now; POST /v1/recording-keys makes another first";
            Err(Problem::conflict("recording_key_signs", detail))
        }
        KeyRevoked::Unknown => Err(Problem::not_found(format!("the account has no recording key {number}"))),
    }
}
