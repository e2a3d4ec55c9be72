//! What clients look up: the catalogue of parameters, the addresses that sending comes from, the API's description.

use axum::{
    Json as Answer,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use leadhook_core::{
    catalogue::{ALL, AtCallStart, Group, Kind, Parameter, WhenAbsent},
    fact::is_made_by_engine,
    lead::LeadKind,
    reference::description,
};
use serde::Serialize;
use std::{net::IpAddr, sync::LazyLock};
use utoipa::ToSchema;

use super::{Api, auth::Caller, openapi::openapi};

/// Text in the two languages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InWords {
    /// English.
    en: &'static str,
    /// Russian.
    ru: &'static str,
}

/// What is fixed about one parameter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Parameter)]
pub(super) struct ParameterShown {
    /// The name it is sent under unless a webhook renames it.
    name: &'static str,
    /// The heading it belongs under.
    #[schema(value_type = String, example = "identity")]
    group: Group,
    /// The kinds of lead that have it: `call`, `request`.
    leads: Vec<&'static str>,
    /// The form of its value.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "enum")]
    kind: Kind,
    /// The possible words separated by `|`, the fields of a list by `,`, or a pattern; empty when free.
    values: &'static str,
    /// What becomes of it in the webhook of a call's start.
    #[schema(value_type = String, example = "sent")]
    at_call_start: AtCallStart,
    /// What is sent when it has no value.
    #[schema(value_type = String, example = "empty")]
    when_absent: WhenAbsent,
    /// Whether a source can state it in an event's `data`; else the engine makes it.
    stated_by_source: bool,
    /// What people call it.
    label: InWords,
    /// What it is.
    description: InWords,
}

/// All parameters in the order in which they are sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ParameterList {
    /// The parameters.
    parameters: Vec<ParameterShown>,
}

/// Where sending comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Egress {
    /// Whether sending is bound to the addresses named.
    bound: bool,
    /// The local addresses that sending is bound to, for receivers to let through.
    #[schema(value_type = Vec<String>)]
    source_addresses: Vec<IpAddr>,
    /// What to know about them.
    note: &'static str,
}

/// All parameters that a webhook can send
#[utoipa::path(get, path = "/v1/parameters", tag = "reference",
    responses((status = 200, description = "All parameters in the order in which they are sent", body = ParameterList)))]
pub(super) async fn parameters(_caller: Caller) -> Answer<ParameterList> {
    Answer(ParameterList { parameters: ALL.iter().map(|parameter| shown(*parameter)).collect() })
}

fn shown(parameter: Parameter) -> ParameterShown {
    let row = parameter.row();
    let (english, russian) = description(parameter);
    let kinds = LeadKind::ALL.iter().filter(|kind| parameter.exists_for(**kind));
    ParameterShown {
        name: row.name,
        group: row.group,
        leads: kinds.map(|kind| kind.word()).collect(),
        kind: row.kind,
        values: row.values,
        at_call_start: row.at_call_start,
        when_absent: row.when_absent,
        stated_by_source: !is_made_by_engine(parameter),
        label: InWords { en: row.label_en, ru: row.label_ru },
        description: InWords { en: english, ru: russian },
    }
}

/// The addresses that sending comes from
#[utoipa::path(get, path = "/v1/egress", tag = "reference",
    responses((status = 200, description = "The addresses, for receivers to let through", body = Egress)))]
pub(super) async fn egress(State(api): State<Api>, _caller: Caller) -> Answer<Egress> {
    let source_addresses = api.settings.source_addresses.clone();
    let bound = !source_addresses.is_empty();
    let note = if bound {
        "requests leave from these local addresses; behind address translation receivers see its outer address"
    } else {
        "sending is not bound to addresses: the operating system chooses; start with --source-address to fix them"
    };
    Answer(Egress { bound, source_addresses, note })
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", tag = "reference", security(()),
    responses((status = 200, description = "The API in OpenAPI 3.1", body = Object)))]
pub(super) async fn document() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
