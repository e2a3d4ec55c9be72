//! Erasures: all that is kept of one client erased, and the certificates of it.

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    erasure::{Counts, Erasure, Phase, RUNNING_MAX, Subject},
    id::ErasureId,
};
use leadhook_store::ErasureBegun;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Query, cursor},
};

/// Who is to be erased: either by phone or by e-mail.
#[derive(Debug, ToSchema)]
#[schema(as = ErasureWanted)]
#[expect(dead_code, reason = "describes what `core::erasure::Subject` reads")]
pub(super) struct ErasureWanted {
    /// The client's phone, as leads' `callerphone` has it, at most 1,024 characters. It is taken as it is and by the
    /// habits of each country; of another client's country it is best written in full.
    #[schema(example = "+7 999 000-00-01")]
    phone: Option<String>,
    /// The client's e-mail, as leads' `email` has it, at most 1,024 characters; in any case.
    #[schema(example = "anna@mail.example")]
    email: Option<String>,
}

/// An erasure as it stands: the certificate of what was erased. Who asked for it is in the audit trail, under its id.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(super) struct ErasureShown {
    /// Its id.
    #[schema(example = "er_0a1b2c3d4e5f6")]
    id: String,
    /// `running` or `done`.
    state: &'static str,
    /// When it was asked for. Leads that arrived later are not looked at.
    #[schema(format = DateTime)]
    created_at: String,
    /// When every lead had been looked at.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// By what the client was named: `phone` or `email`.
    named_by: &'static str,
    /// In the place of the client: keyed hashes of the phone in each of the ways in which it may be kept, as `ctCallerId`
    /// is made, or of the e-mail in lower case. The same client has the same ones; nobody can read it from them.
    client: Vec<String>,
    /// What was erased so far.
    erased: ErasedCounts,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasedCounts {
    /// Leads.
    leads: u64,
    /// Versions of these leads.
    versions: u64,
    /// Deliveries of these leads, with the cancelled ones.
    deliveries: u64,
    /// Deliveries that were open and were cancelled.
    cancelled: u64,
    /// Requests that were made, and bodies of answers.
    bodies: u64,
    /// Traces by which the client would be recognised.
    traces: u64,
}

impl ErasureShown {
    fn of(erasure: &Erasure) -> Self {
        let (state, ended_at) = match erasure.phase {
            Phase::Running => ("running", None),
            Phase::Done { at } => ("done", Some(at.to_rfc3339())),
        };
        let Counts { leads, versions, deliveries, cancelled, bodies, traces } = erasure.counts;
        Self {
            id: erasure.id.to_string(),
            state,
            created_at: erasure.id.0.time().to_rfc3339(),
            ended_at,
            named_by: erasure.named_by.word(),
            client: erasure.clients.clone(),
            erased: ErasedCounts { leads, versions, deliveries, cancelled, bodies, traces },
        }
    }
}

/// A page of erasures, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureList {
    /// The erasures.
    erasures: Vec<ErasureShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Erase a client
///
/// Every lead of the client that arrived before is emptied, in all its versions: what stays are its names, its numbers, its
/// times and the ids of its events. Its open deliveries are cancelled, and what was sent, answered and noted of its
/// deliveries is deleted. It goes on over restarts; a delivery that is being sent is waited for. Later events for these
/// leads are refused as `erased`, repeated ones are answered as before; these deliveries are not sent again. What plugins
/// keep under keys of their own is not found by a phone, and backups made before still hold what is erased. The newest
/// 10,000 are kept.
#[utoipa::path(post, path = "/v1/erasures", tag = "erasures", request_body = ErasureWanted,
    responses(
        (status = 202, description = "It goes on by itself", body = ErasureShown),
        (status = 409, description = "`too_many`: 100 have not ended yet", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named: `one_of`, `names_nobody`, `too_long` and faults of form", body = ProblemBody),
    ))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(account): Caller,
    Json(body): Json,
) -> Result<Response, Problem> {
    let subject = Subject::parse(&body)?;
    match api.engine.begin_erasure(account, subject).await? {
        ErasureBegun::Begun(erasure) => {
            let location = [(header::LOCATION, format!("/v1/erasures/{}", erasure.id))];
            let shown = ErasureShown::of(&erasure);
            Ok((StatusCode::ACCEPTED, location, Answer(shown)).into_response())
        }
        ErasureBegun::TooMany => {
            let detail = format!("{RUNNING_MAX} erasures have not ended yet; wait for one of them");
            Err(Problem::conflict("too_many", detail))
        }
        ErasureBegun::UnknownAccount => Err(Problem::not_found("there is no such account any more")),
    }
}

/// Erasures
#[utoipa::path(get, path = "/v1/erasures", tag = "erasures",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of erasures, newest first", body = ErasureList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<ErasureList>, Problem> {
    let page = query.page();
    query.finish()?;
    let found = api.engine.store().erasures(account, page.limit, page.before).await?;
    Ok(Answer(ErasureList {
        erasures: found.rows.iter().map(ErasureShown::of).collect(),
        next_cursor: cursor(found.next),
    }))
}

/// An erasure
#[utoipa::path(get, path = "/v1/erasures/{id}", tag = "erasures",
    params(("id" = String, Path, description = "The erasure's id")),
    responses(
        (status = 200, description = "The erasure as it stands", body = ErasureShown),
        (status = 404, description = "There is no such erasure", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<ErasureId>,
) -> Result<Answer<ErasureShown>, Problem> {
    match api.engine.store().erasure(account, id).await? {
        Some(erasure) => Ok(Answer(ErasureShown::of(&erasure))),
        None => Err(Problem::not_found(format!("the account has no erasure `{id}`"))),
    }
}
