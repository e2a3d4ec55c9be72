//! Leads: what is known about them, how it came to be known, and what was sent of it.

use axum::{
    Json as Answer,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use leadhook_core::{
    catalogue::Parameter,
    fact::Fact,
    id::{AccountId, LeadRef, SiteId},
    lead::{Cause, Decided, Lead, LeadKind},
    phone,
    qualify::Client,
};
use leadhook_store::query::{DeliveryQuery, LIMIT_MAX, LeadQuery};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    deliveries::shown::DeliveryShown,
    problem::{Problem, ProblemBody},
    query::{Named as _, Query, cursor, path_parts},
    schema::event::{Facts, VisitIn},
};

/// The country by whose habits a phone is read where no site says another.
const COUNTRY_DEFAULT: &str = "RU";

/// A lead as the source knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeadName {
    /// The site's id.
    #[schema(example = "60001")]
    site: String,
    /// `call` or `request`.
    #[serde(rename = "type")]
    #[schema(example = "call")]
    kind: &'static str,
    /// The source's id.
    #[schema(example = "1290551239")]
    id: String,
}

impl LeadName {
    pub(super) fn of(lead: &LeadRef) -> Self {
        Self { site: lead.site.to_string(), kind: lead.kind.word(), id: lead.id.clone() }
    }
}

/// What is known about a lead.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lead)]
pub(super) struct LeadShown {
    /// How the source knows it.
    #[serde(flatten)]
    name: LeadName,
    /// When it arrived: its first event was accepted.
    #[schema(format = DateTime)]
    arrived_at: String,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// How many events were accepted for it.
    version: u32,
    /// Whether it is a call that is not over yet.
    in_progress: bool,
    /// What the source stated, under the names of parameters.
    #[schema(value_type = Facts)]
    facts: Map<String, Value>,
    /// The source that a static number stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_source: Option<String>,
    /// The medium that a static number stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_medium: Option<String>,
    /// Names and values that a relayed webhook bore beyond the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra: Vec<(String, String)>,
    /// The visitor's visits, oldest first.
    #[schema(value_type = Vec<VisitIn>)]
    visits: Vec<Value>,
    /// What the engine decided about it and keeps, where the source states nothing else.
    decided: DecidedShown,
}

/// What was decided about a lead once and is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decided)]
pub(super) struct DecidedShown {
    /// No earlier lead of this client within the uniqueness depth.
    unique: bool,
    /// Whether it is a target lead; `null` while that cannot be said.
    target: Option<bool>,
    /// Whether it is its client's first target lead; `null` while that cannot be said.
    unique_target: Option<bool>,
}

/// An event that was accepted for a lead.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryLine)]
pub(super) struct CauseShown {
    /// The event's id.
    event_id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "call.ended")]
    kind: &'static str,
    /// When, by the source's clock.
    #[schema(format = DateTime)]
    time: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    accepted_at: String,
    /// What it did: `applied`, `filled_absent` or `unchanged`.
    effect: &'static str,
    /// The ids of the deliveries it made owed.
    deliveries: Vec<String>,
}

/// A lead with its history and deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeadWhole {
    /// What is known.
    #[serde(flatten)]
    lead: LeadShown,
    /// The erasure by which it was erased with its client; only its names and times are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "er_0a1b2c3d4e5f6")]
    erased_by: Option<String>,
    /// The events accepted for it, oldest first.
    history: Vec<CauseShown>,
    /// Its deliveries, the newest owed first, at most 500.
    deliveries: Vec<DeliveryShown>,
    /// Where `GET /v1/deliveries?lead=…` goes on, where there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries_next_cursor: Option<String>,
}

/// A page of leads, the newest arrival first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeadList {
    /// The leads.
    leads: Vec<LeadShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl LeadShown {
    fn of(lead: &Lead) -> Self {
        let fact =
            |(parameter, fact): (&Parameter, &Fact)| (parameter.name().to_owned(), fact.to_json(*parameter));
        let Decided { unique, target, unique_target } = lead.decided;
        Self {
            name: LeadName::of(&lead.reference),
            arrived_at: lead.serial.time().to_rfc3339(),
            started_at: lead.start.at.to_rfc3339(),
            version: lead.version,
            in_progress: lead.is_call_in_progress(),
            facts: lead.facts.iter().map(fact).collect(),
            pool_source: lead.pool_source.clone(),
            pool_medium: lead.pool_medium.clone(),
            extra: lead.extra.clone(),
            visits: lead.visits.iter().map(|visit| visit.to_json()).collect(),
            decided: DecidedShown { unique, target, unique_target },
        }
    }
}

impl CauseShown {
    fn of(cause: Cause) -> Self {
        Self {
            event_id: cause.event_id,
            kind: cause.kind.word(),
            time: cause.time.to_rfc3339(),
            accepted_at: cause.accepted_at.to_rfc3339(),
            effect: cause.effect.word(),
            deliveries: cause.deliveries.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Leads
#[utoipa::path(get, path = "/v1/leads", tag = "leads",
    params(
        ("site" = Option<String>, Query, description = "Of this site"),
        ("type" = Option<String>, Query, description = "`call` or `request`"),
        ("phone" = Option<String>, Query, description = "Of this client; written as you like, read by the habits of the site's country"),
        ("from" = Option<String>, Query, description = "Begun at or after this time"),
        ("to" = Option<String>, Query, description = "Begun before this time"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of leads, the newest arrival first", body = LeadList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<LeadList>, Problem> {
    let site = query.site();
    let kind = query.word("type", LeadKind::ALL);
    let phone = query.text("phone");
    let (from, to) = (query.time("from"), query.time("to"));
    let page = query.page();
    let client = match phone {
        Some(phone) => client(&api, account, site.as_ref(), &phone, &mut query).await?,
        None => None,
    };
    query.finish()?;
    let wanted = LeadQuery { site, kind, client, from, to, limit: page.limit, before: page.before };
    let found = api.engine.store().leads(account, wanted).await?;
    Ok(Answer(LeadList {
        leads: found.rows.iter().map(LeadShown::of).collect(),
        next_cursor: cursor(found.next),
    }))
}

/// The client of a phone as somebody wrote it.
async fn client(
    api: &Api,
    account: AccountId,
    site: Option<&SiteId>,
    phone: &str,
    query: &mut Query,
) -> Result<Option<Client>, Problem> {
    let site = match site {
        Some(site) => api.engine.store().site(account, site).await?,
        None => None,
    };
    let country = site.as_ref().map_or(COUNTRY_DEFAULT, |site| site.country.as_str());
    let client = Client::by_phone(&phone::normalise(phone, country));
    if client.is_none() {
        query.fault("phone", "bad_phone", "there is no digit in this phone");
    }
    Ok(client)
}

/// The lead that a path names.
pub(super) struct LeadAt(LeadRef);

impl FromRequestParts<Api> for LeadAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let [site, kind, id] = path_parts(parts, api).await?;
        let site = SiteId::by_id(&site).map_err(Problem::not_found)?;
        let kind = LeadKind::by_word(&kind)
            .ok_or_else(|| Problem::not_found("a lead's type is `call` or `request`"))?;
        Ok(Self(LeadRef { site, kind, id }))
    }
}

/// A lead
#[utoipa::path(get, path = "/v1/leads/{site}/{type}/{id}", tag = "leads",
    params(
        ("site" = String, Path, description = "The site's id", example = "60001"),
        ("type" = String, Path, description = "`call` or `request`", example = "call"),
        ("id" = String, Path, description = "The source's id of the lead"),
    ),
    responses(
        (status = 200, description = "The lead with its history and deliveries", body = LeadWhole),
        (status = 404, description = "There is no such lead", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    LeadAt(reference): LeadAt,
) -> Result<Answer<LeadWhole>, Problem> {
    let store = api.engine.store();
    let Some((lead, history)) = store.lead(account, &reference).await? else {
        return Err(Problem::not_found(format!("no lead {reference} is known")));
    };
    let wanted = DeliveryQuery { lead: Some(reference), limit: LIMIT_MAX, ..DeliveryQuery::default() };
    let deliveries = store.deliveries(account, wanted).await?;
    let erased_by = store.erased(account, lead.serial).await?;
    Ok(Answer(LeadWhole {
        lead: LeadShown::of(&lead),
        erased_by: erased_by.map(|id| id.to_string()),
        history: history.into_iter().map(CauseShown::of).collect(),
        deliveries: deliveries.rows.iter().map(DeliveryShown::of).collect(),
        deliveries_next_cursor: cursor(deliveries.next),
    }))
}
