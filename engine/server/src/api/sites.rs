//! Sites: the tracked projects of an account and their settings.

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{id::SiteId, site::Site};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    problem::Problem,
    query::{Id, Query, SITE_ID_FORM},
    schema::site::SiteSettings,
};

/// A page of sites, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SiteList {
    /// The sites.
    #[schema(value_type = Vec<SiteSettings>)]
    sites: Vec<Value>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Make or replace a site
///
/// What is left out gets its default. What `GET` answers can be sent back.
#[utoipa::path(put, path = "/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path, description = "The site's id: 1 to 64 characters of `A-Z a-z 0-9 . _ -`", example = "60001")),
    request_body = SiteSettings,
    responses(
        (status = 200, description = "Replaced", body = SiteSettings),
        (status = 201, description = "Made", body = SiteSettings),
        (status = 422, description = "Settings that cannot be meant, each named", body = super::problem::ProblemBody),
    ))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(account): Caller,
    Path(id): Path<String>,
    Json(settings): Json,
) -> Result<Response, Problem> {
    let id = SiteId::new(&id).ok_or_else(|| Problem::fault("id", "bad_site_id", SITE_ID_FORM))?;
    let location = format!("/v1/sites/{id}");
    let site = Site::parse(id, 1, &settings)?;
    let site = api.engine.store().put_site(account, site, api.engine.now()).await?;
    let answer = Answer(site.to_json());
    Ok(match site.revision {
        1 => (StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response(),
        _ => answer.into_response(),
    })
}

/// A site
#[utoipa::path(get, path = "/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path, description = "The site's id", example = "60001")),
    responses(
        (status = 200, description = "The site, with nothing left out", body = SiteSettings),
        (status = 404, description = "There is no such site", body = super::problem::ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<SiteId>,
) -> Result<Answer<Value>, Problem> {
    match api.engine.store().site(account, &id).await? {
        Some(site) => Ok(Answer(site.to_json())),
        None => Err(unknown(&id)),
    }
}

/// All sites
#[utoipa::path(get, path = "/v1/sites", tag = "sites",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of sites, by id", body = SiteList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<SiteList>, Problem> {
    let limit = query.limit();
    let after = query.text("cursor");
    query.finish()?;
    let mut sites = api.engine.store().sites(account).await?;
    if let Some(after) = after {
        sites.retain(|site| site.id.as_str() > after.as_str());
    }
    let has_next = sites.len() > limit;
    sites.truncate(limit);
    let last = sites.last().filter(|_| has_next);
    Ok(Answer(SiteList {
        next_cursor: last.map(|site| site.id.to_string()),
        sites: sites.iter().map(|site| site.to_json()).collect(),
    }))
}

/// Delete a site
///
/// Its events are refused from now on; what is owed still goes out.
#[utoipa::path(delete, path = "/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path, description = "The site's id", example = "60001")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such site", body = super::problem::ProblemBody),
    ))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<SiteId>,
) -> Result<StatusCode, Problem> {
    match api.engine.store().delete_site(account, &id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown(&id)),
    }
}

fn unknown(id: &SiteId) -> Problem {
    Problem::not_found(format!("the account has no site `{id}`; make it with PUT /v1/sites/{id}"))
}
