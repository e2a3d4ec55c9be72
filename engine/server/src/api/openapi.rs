//! The API's description in OpenAPI 3.1, made from the calls themselves.

use axum::http::Method;
use leadhook_core::account::key::Scope;
use utoipa::openapi::{
    Components, ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
    ResponseBuilder, SecurityRequirement,
    path::{Operation, PathItem},
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

use super::scope::{self, Need};

const ABOUT: &str = "\
leadhook takes events of leads (calls and requests) and sends them on by webhook, at least once and in order.

Bodies are JSON in UTF-8; times are RFC 3339, answered in UTC; ids are text. Lists are paged by `limit` and `cursor`: give \
an answer's `next_cursor` as `cursor` for the next page. A page may have fewer rows than asked for and still have a next \
one. Every error is `application/problem+json` (RFC 9457) with a stable `code`, and for bad input `errors` with the path \
of each fault.";

const TAGS: &[(&str, &str)] = &[
    ("events", "What happens to leads comes in here"),
    ("relay", "The tracking service's own webhooks come in here"),
    ("sites", "The tracked projects and how their leads are judged"),
    ("webhooks", "Which leads are sent where, when and how"),
    ("plugins", "Customers' own code that filters, rewrites and judges"),
    ("secrets", "Values that plugins may read where a webhook grants them"),
    ("accounts", "For the operator: whom the engine works for, and with which keys"),
    ("audit", "Who changed what"),
    ("deliveries", "What is owed to handlers, and what became of it"),
    ("resends", "Periods that are sent again"),
    ("erasures", "Clients whose data is erased"),
    ("upkeep", "For the operator: keeping the engine in order"),
    ("recordings", "What was said, for who got a link to it"),
    ("leads", "What is known about leads"),
    ("notifications", "What happened that somebody may have to do something about"),
    ("reference", "What clients look up"),
    ("health", "Whether the process lives and takes work, and how it does"),
];

const PROBLEM_JSON: &str = "application/problem+json";

/// The API's description, whole.
pub(crate) fn openapi() -> OpenApi {
    let (_, mut document) = super::calls().split_for_parts();
    for (pattern, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            name_by_tag(operation);
            operation.security = scope::need(&method, pattern).map(security);
            let responses = &mut operation.responses.responses;
            responses.values_mut().for_each(name_problem_type);
            responses.insert("default".to_owned(), RefOr::T(any_other_error()));
        }
    }
    document
}

/// What the description says before its calls.
pub(super) fn head() -> OpenApi {
    let mut info = Info::new("leadhook", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::new("Apache-2.0"));
    let mut components = Components::new();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("key", SecurityScheme::Http(bearer.clone()));
    components.add_security_scheme("operator_key", SecurityScheme::Http(bearer));
    let tags =
        TAGS.iter().map(|(name, words)| TagBuilder::new().name(*name).description(Some(*words)).build());
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("key", Vec::<String>::new())]))
        .tags(Some(tags))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let calls = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    calls.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The keys that open a call, each alone; an account's with its scope.
fn security(need: Need) -> Vec<SecurityRequirement> {
    let key = |scope: Scope| SecurityRequirement::new("key", [scope.word()]);
    let operator_key = || SecurityRequirement::new("operator_key", Vec::<String>::new());
    match need {
        Need::Nothing => vec![SecurityRequirement::default()],
        Need::Account(scope) => vec![key(scope)],
        Need::Operator => vec![operator_key()],
        Need::Either(scope) => vec![key(scope), operator_key()],
    }
}

/// Operations are known by unique names: `webhooks_list`, not `list`.
fn name_by_tag(operation: &mut Operation) {
    if let (Some(tags), Some(name)) = (&operation.tags, &mut operation.operation_id)
        && let Some(tag) = tags.first()
    {
        *name = format!("{tag}_{name}");
    }
}

/// Problem details have a media type of their own (RFC 9457, section 3).
fn name_problem_type(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    let problem = RefOr::Ref(Ref::from_schema_name("Problem"));
    for (media_type, content) in std::mem::take(&mut response.content) {
        let is_problem = matches!(&content, RefOr::T(content) if content.schema.as_ref() == Some(&problem));
        let media_type = if is_problem { PROBLEM_JSON.to_owned() } else { media_type };
        response.content.insert(media_type, content);
    }
}

/// What any call may answer besides what it names: a missing key, a bad body, an overloaded engine.
fn any_other_error() -> Response {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("Any other error: `code` names it")
        .content(PROBLEM_JSON, problem)
        .build()
}
