//! How an event looks: its frame, the facts that it states, and visits.

use leadhook_core::{
    catalogue::{ALL, Kind, Parameter},
    fact::{field_names, is_made_by_engine},
    lead::LeadKind,
    reference::description,
};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema,
        schema::{KnownFormat, SchemaFormat, SchemaType, Type},
    },
};

/// Something that happened to a lead.
#[derive(Debug, ToSchema)]
#[schema(as = Event, example = json!({
    "id": "ev-1", "type": "call.ended", "site": "60001", "lead": {"type": "call", "id": "1290551239"},
    "time": "2026-02-26T20:03:37+03:00",
    "data": {
        "callerphone": "+7 999 000-00-01", "duration": 95, "waiting_time": 8, "tags_manual": ["Sales"],
        "visits": [{"at": "2026-02-26T19:55:00+03:00", "url": "https://shop.example/?utm_source=yandex&utm_medium=cpc"}],
    },
}))]
pub(crate) struct EventIn {
    /// The idempotency key: the same id on the same site is one event. Made here where left out.
    #[schema(max_length = 200)]
    id: Option<String>,
    /// What happened.
    #[schema(rename = "type")]
    kind: EventType,
    /// The site's id.
    site: String,
    /// The lead.
    lead: LeadOfEvent,
    /// When it happened.
    #[schema(format = DateTime)]
    time: String,
    /// What became known with it: a merge patch (RFC 7396), so that `null` takes a fact back.
    #[schema(value_type = Option<Facts>)]
    data: Option<Value>,
}

/// What an event says has happened.
#[derive(Debug, ToSchema)]
pub(crate) enum EventType {
    #[schema(rename = "call.started")]
    CallStarted,
    #[schema(rename = "call.ended")]
    CallEnded,
    #[schema(rename = "request.created")]
    RequestCreated,
    #[schema(rename = "call.status_changed")]
    CallStatusChanged,
    #[schema(rename = "call.spam_changed")]
    CallSpamChanged,
    #[schema(rename = "call.transcribed")]
    CallTranscribed,
    #[schema(rename = "lead.tags_changed")]
    LeadTagsChanged,
    #[schema(rename = "lead.comments_changed")]
    LeadCommentsChanged,
    #[schema(rename = "lead.manager_changed")]
    LeadManagerChanged,
    #[schema(rename = "lead.rating_changed")]
    LeadRatingChanged,
    #[schema(rename = "lead.updated")]
    LeadUpdated,
}

/// The lead that an event is about.
#[derive(Debug, ToSchema)]
pub(crate) struct LeadOfEvent {
    /// A call, or a request.
    #[schema(rename = "type")]
    kind: LeadType,
    /// The source's id.
    #[schema(max_length = 128)]
    id: String,
}

/// A call, or a request: a form sent on a site.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum LeadType {
    Call,
    Request,
}

/// One arrival of the visitor on the site.
#[derive(Debug, ToSchema)]
#[schema(as = Visit, rename_all = "camelCase")]
pub(crate) struct VisitIn {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The tracking session. Visits are united by `at` and `sessionId`.
    session_id: Option<String>,
    /// The landing page.
    url: Option<String>,
    /// The page the visitor came from.
    #[schema(rename = "ref")]
    referrer: Option<String>,
    /// The traffic source, where the tracking service states it.
    source: Option<String>,
    /// The traffic medium, where the tracking service states it.
    medium: Option<String>,
    /// Google Client ID.
    gcid: Option<String>,
    /// Yandex Client ID.
    ya_client_id: Option<String>,
    /// The tracked host.
    hostname: Option<String>,
    /// Third-party cookies.
    #[schema(value_type = Option<Object>)]
    attrs: Option<Value>,
    /// The visitor's address.
    ip: Option<String>,
    /// The visitor's user agent.
    user_agent: Option<String>,
    /// The visitor's city.
    city: Option<String>,
    /// Browser name and version.
    browser: Option<String>,
    /// Operating system name and version.
    os: Option<String>,
    /// The visitor's device.
    device: Option<String>,
}

/// What a source states about a lead: the catalogue's parameters but those that the engine makes, and what they
/// are derived from.
#[derive(Debug)]
pub(crate) struct Facts;

impl ToSchema for Facts {
    fn name() -> std::borrow::Cow<'static, str> {
        "Facts".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((VisitIn::name().into_owned(), VisitIn::schema()));
    }
}

impl PartialSchema for Facts {
    fn schema() -> RefOr<Schema> {
        let started_at = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some(
                "When the lead began; `calltime`, `timestamp` and `requestDate` follow from it.",
            ));
        let visits = ArrayBuilder::new()
            .items(Ref::from_schema_name(VisitIn::name()))
            .description(Some("Visits of the lead's visitor, united with those known; at most 100."));
        let pool = |words: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(words));
        let known = ObjectBuilder::new()
            .description(Some("What a source states about a lead; `null` takes a fact back."))
            .property("started_at", started_at)
            .property("visits", visits)
            .property("pool_source", pool("The source that a static number stands for."))
            .property("pool_medium", pool("The medium that a static number stands for."));
        let stated = ALL.iter().filter(|parameter| !is_made_by_engine(**parameter));
        let whole =
            stated.fold(known, |object, parameter| object.property(parameter.name(), fact(*parameter)));
        RefOr::T(Schema::Object(whole.build()))
    }
}

/// The form in which a source states a parameter.
fn fact(parameter: Parameter) -> RefOr<Schema> {
    let mut words = description(parameter).0.to_owned();
    for kind in LeadKind::ALL.iter().filter(|kind| !parameter.exists_for(**kind)) {
        words.push_str(&format!(" Not for a {kind}."));
    }
    let of = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::new(kind)).description(Some(&words));
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let row = parameter.row();
    let schema = match row.kind {
        Kind::Seconds => Schema::Object(of(Type::Integer).minimum(Some(0)).build()),
        Kind::Int => Schema::Object(of(Type::Integer).minimum(Some(0)).maximum(Some(5)).build()),
        Kind::Bool => Schema::Object(of(Type::Boolean).build()),
        Kind::Tags => Schema::Array(ArrayBuilder::new().items(text()).description(Some(&words)).build()),
        Kind::List => {
            let [first, second] = field_names(row.values);
            let record = ObjectBuilder::new().property(first, text()).property(second, text());
            Schema::Array(ArrayBuilder::new().items(record).description(Some(&words)).build())
        }
        Kind::JsonObject => Schema::Object(of(Type::Object).build()),
        Kind::Enum => {
            let values = row.values.split('|').filter(|word| *word != "null");
            Schema::Object(of(Type::String).enum_values(Some(values)).build())
        }
        _ => Schema::Object(of(Type::String).build()),
    };
    RefOr::T(schema)
}
