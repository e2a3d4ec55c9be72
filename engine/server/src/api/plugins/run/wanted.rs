//! Reads what a plugin is to be run on.

use leadhook_core::{
    delivery::Method,
    encode::{Body, Unencoded},
    event::Trigger,
    fault::{Fault, Faults},
    outcome::Answer,
    read::Reader,
    settings::Known,
    webhook::Settings,
};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::api::preview::{
    LeadChoice, WebhookChoice,
    wanted::{LeadWanted, WebhookWanted, read_lead, read_trigger, read_webhook},
};

/// The most bytes that a configuration may have as JSON text.
const CONFIG_BYTES_MAX: usize = 16 * 1024;
/// The most secrets that may be granted.
const SECRETS_MAX: usize = 20;
/// The most headers of a request or an answer.
const HEADERS_MAX: usize = 100;
/// The most pairs of a form.
const PAIRS_MAX: usize = 2_000;
/// The longest an answer is said to have taken, in milliseconds.
const ELAPSED_MS_MAX: i64 = 60_000;

/// What to run it on.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `read` reads")]
pub(in crate::api) struct RunWanted {
    /// The SHA-256 of the version to run; the current one unless set.
    version: Option<String>,
    /// Whose request it gets: a webhook's id, or settings; a POST of every parameter unless set.
    #[schema(value_type = Option<WebhookChoice>)]
    webhook: Option<Value>,
    /// A lead, events that make one, or nothing: a sample lead.
    #[schema(value_type = Option<LeadChoice>)]
    lead: Option<Value>,
    /// What fires: that of the last event unless named, or the end of a lead that is known.
    #[schema(example = "call_ended")]
    trigger: Option<String>,
    /// The request that it gets, in place of the webhook's.
    request: Option<GivenRequest>,
    /// What its receipt judges; it is not asked unless set.
    response: Option<GivenResponse>,
    /// Its configuration.
    config: Option<Value>,
    /// The account's secrets that it may read.
    #[schema(max_items = 20)]
    secrets: Option<Vec<String>>,
}

/// A request before it is encoded.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `read_request` reads")]
pub(in crate::api) struct GivenRequest {
    /// `GET` or `POST`.
    #[schema(default = "POST")]
    method: Option<String>,
    /// An absolute URL.
    #[schema(format = "uri")]
    url: String,
    /// Names in lower case with their values.
    headers: Option<Vec<(String, String)>>,
    /// What is sent; an empty form unless set.
    body: Option<GivenBody>,
}

/// A body: exactly one of `form`, `json` and `text`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `read_body` reads")]
pub(in crate::api) struct GivenBody {
    /// Pairs, which are encoded: the body of a POST, the query of a GET.
    form: Option<Vec<(String, String)>>,
    /// JSON.
    json: Option<Value>,
    /// Text.
    text: Option<String>,
    /// The media type of `json` or `text`, where it is not the usual one.
    content_type: Option<String>,
}

/// A handler's answer.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `read_response` reads")]
pub(in crate::api) struct GivenResponse {
    /// The HTTP status.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// Names in lower case with their values.
    headers: Option<Vec<(String, String)>>,
    /// The body, as JSON; else `text`.
    json: Option<Value>,
    /// The body, as text.
    text: Option<String>,
    /// How long it took, in milliseconds.
    elapsed_ms: Option<u32>,
}

/// What was asked for, well formed.
pub(super) struct Wanted {
    pub(super) version: Option<String>,
    pub(super) webhook: WebhookWanted,
    pub(super) lead: LeadWanted,
    pub(super) trigger: Option<Trigger>,
    pub(super) request: Option<Unencoded>,
    /// With how long it took, in milliseconds.
    pub(super) response: Option<(Answer, u32)>,
    pub(super) config: Value,
    pub(super) secrets: Vec<String>,
}

/// Reads what is asked for; every fault at once.
pub(super) fn read(body: &Value, known: &Known<'_>) -> Result<Wanted, Faults> {
    let mut reader = Reader::default();
    let mut within = Vec::new();
    let wanted = read_fields(body, known, &mut reader, &mut within);
    let found = reader.finish(Some(())).err().map_or_else(Vec::new, |faults| faults.0);
    match wanted {
        Some(wanted) if found.is_empty() && within.is_empty() => Ok(wanted),
        _ => Err(Faults(found.into_iter().chain(within).collect())),
    }
}

fn read_fields(
    body: &Value,
    known: &Known<'_>,
    reader: &mut Reader,
    within: &mut Vec<Fault>,
) -> Option<Wanted> {
    let mut fields = reader.object(body, "")?;
    let version = or(fields.get_non_null("version"), None, |value| {
        reader.text(value, "version").map(|text| Some(text.to_owned()))
    });
    let webhook = match fields.get_non_null("webhook") {
        Some(value) => read_webhook(value, known, reader, within),
        None => Some(WebhookWanted::Given(Box::new(plain()))),
    };
    let lead = or(fields.get_non_null("lead"), LeadWanted::Sample, |value| read_lead(value, reader, within));
    let trigger = or(fields.get_non_null("trigger"), None, |value| read_trigger(value, reader).map(Some));
    let request = or(fields.get_non_null("request"), None, |value| read_request(value, reader).map(Some));
    let response = or(fields.get_non_null("response"), None, |value| read_response(value, reader).map(Some));
    let config = or(fields.get_non_null("config"), Value::Object(Map::new()), |value| {
        let bytes = value.to_string().len();
        if bytes > CONFIG_BYTES_MAX {
            let detail = format!("{bytes} bytes, at most {CONFIG_BYTES_MAX} are allowed");
            return reader.fault("config", "too_long", detail);
        }
        Some(value.clone())
    });
    let secrets = or(fields.get_non_null("secrets"), Vec::new(), |value| read_secrets(value, known, reader));
    fields.refuse_unknown(reader);
    Some(Wanted {
        version: version?,
        webhook: webhook?,
        lead: lead?,
        trigger: trigger?,
        request: request?,
        response: response?,
        config: config?,
        secrets: secrets?,
    })
}

/// The settings of a webhook about which nothing is set.
fn plain() -> Settings {
    Settings::restore(&json!({ "url": "https://handler.example/hook" }))
        .expect("a URL is all that settings need")
}

/// The default of a field that is not there, else what is read of it.
fn or<'a, T>(value: Option<&'a Value>, default: T, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
    value.map_or(Some(default), read)
}

fn read_secrets(value: &Value, known: &Known<'_>, reader: &mut Reader) -> Option<Vec<String>> {
    let items = reader.array(value, "secrets", SECRETS_MAX)?;
    let mut names = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("secrets[{index}]");
        let name = reader.text(item, &path)?;
        if known.account.is_none_or(|account| !account.secrets.contains(name)) {
            let detail = "the account has no secret of this name; GET /v1/secrets lists them";
            return reader.fault(path, "unknown_secret", detail);
        }
        names.push(name.to_owned());
    }
    Some(names)
}

fn read_request(value: &Value, reader: &mut Reader) -> Option<Unencoded> {
    let mut fields = reader.object(value, "request")?;
    let method = or(fields.get_non_null("method"), Method::Post, |value| {
        let word = reader.text(value, "request.method")?;
        let detail = "a request's method is `GET` or `POST`";
        Method::by_word(word).or_else(|| reader.fault("request.method", "unknown_value", detail))
    });
    let url = fields.required(reader, "url").and_then(|value| {
        let text = reader.text(value, "request.url")?;
        let is_http = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let detail = "expected an absolute http or https URL";
        if is_http { Some(text.to_owned()) } else { reader.fault("request.url", "bad_url", detail) }
    });
    let headers = or(fields.get_non_null("headers"), Vec::new(), |value| {
        read_pairs(value, "request.headers", HEADERS_MAX, reader)
    });
    let body = or(fields.get_non_null("body"), Body::Form(Vec::new()), |value| read_body(value, reader));
    fields.refuse_unknown(reader);
    Some(Unencoded { method: method?, url: url?, headers: headers?, body: body? })
}

fn read_body(value: &Value, reader: &mut Reader) -> Option<Body> {
    let path = "request.body";
    let mut fields = reader.object(value, path)?;
    let form = or(fields.get_non_null("form"), None, |value| {
        read_pairs(value, "request.body.form", PAIRS_MAX, reader).map(Some)
    });
    let json = fields.get("json");
    let text =
        or(fields.get_non_null("text"), None, |value| reader.text(value, "request.body.text").map(Some));
    let content_type = or(fields.get_non_null("content_type"), None, |value| {
        reader.text(value, "request.body.content_type").map(Some)
    });
    fields.refuse_unknown(reader);
    let raw = |content_type: Option<&str>, usual: &str, bytes: String| Body::Raw {
        content_type: content_type.unwrap_or(usual).to_owned(),
        bytes: bytes.into_bytes(),
    };
    match (form?, json, text?, content_type?) {
        (Some(form), None, None, None) => Some(Body::Form(form)),
        (None, Some(json), None, given) => Some(raw(given, "application/json", json.to_string())),
        (None, None, Some(text), given) => Some(raw(given, "text/plain; charset=utf-8", text.to_owned())),
        _ => reader.fault(
            path,
            "one_body",
            "a body is exactly one of `form`, `json` and `text`, the last two with or without `content_type`",
        ),
    }
}

fn read_response(value: &Value, reader: &mut Reader) -> Option<(Answer, u32)> {
    let mut fields = reader.object(value, "response")?;
    let status = fields.required(reader, "status");
    let status = status.and_then(|value| reader.integer(value, "response.status", 200..=599));
    let headers = or(fields.get_non_null("headers"), Vec::new(), |value| {
        read_pairs(value, "response.headers", HEADERS_MAX, reader)
    });
    let json = fields.get("json");
    let text = or(fields.get_non_null("text"), None, |value| reader.text(value, "response.text").map(Some));
    let elapsed_ms = or(fields.get_non_null("elapsed_ms"), 0, |value| {
        reader.integer(value, "response.elapsed_ms", 0..=ELAPSED_MS_MAX)
    });
    fields.refuse_unknown(reader);
    let body = match (json, text?) {
        (None, text) => text.unwrap_or_default().as_bytes().to_vec(),
        (Some(json), None) => json.to_string().into_bytes(),
        (Some(_), Some(_)) => {
            return reader.fault("response", "one_body", "a body is `json` or `text`, not both");
        }
    };
    let status = u16::try_from(status?).ok()?;
    let answer = Answer { status, headers: headers?, body, body_cut: false };
    Some((answer, u32::try_from(elapsed_ms?).ok()?))
}

fn read_pairs(value: &Value, path: &str, most: usize, reader: &mut Reader) -> Option<Vec<(String, String)>> {
    let items = reader.array(value, path, most)?;
    let mut pairs = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let pair = item.as_array().map(Vec::as_slice);
        let Some([Value::String(name), Value::String(value)]) = pair else {
            let detail = "expected a name and a value, both text: `[\"name\", \"value\"]`";
            return reader.fault(format!("{path}[{index}]"), "wrong_type", detail);
        };
        pairs.push((name.clone(), value.clone()));
    }
    Some(pairs)
}
