//! How a webhook's settings look.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A webhook's settings. Only `url` is required; fields that do not exist are refused by name.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "CRM", "url": "https://crm.example/hook", "sites": ["60001"],
    "leads": {"calls": "all", "requests": "unique"}, "tags": ["Sales"],
    "traffic": [[{"parameter": "medium", "is": ["cpc", "cpm"]}], [{"parameter": "utm_source", "contains": ["yandex"]}]],
    "sending": {"model": "simplified", "on": ["call_ended", "request_created"], "delay_minutes": {"call_ended": 5}},
    "parameters": {"only": ["id", "callerphone"], "rename": {"callerphone": "phone"}},
    "headers": {"X-Source": "leads"}, "success": "2xx", "timeout_seconds": 15,
    "retry": {"after_seconds": [5, 300]}, "rate": {"per_second": 2, "concurrent": 4}, "ordering": "lead",
}))]
pub(crate) struct WebhookSettings {
    /// What people call it; the URL's host unless set.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Where to send: http or https, without a user name, to a public address.
    #[schema(format = "uri", max_length = 8192)]
    url: String,
    /// `POST`: the pairs are the body; `GET`: the URL's query.
    #[schema(default = "POST")]
    method: Option<MethodWord>,
    /// By which visit a lead's source is told.
    #[schema(default = "last_non_direct")]
    attribution: Option<AttributionWord>,
    /// The sites whose leads it takes; all unless set.
    #[schema(max_items = 1000)]
    sites: Option<Vec<String>>,
    /// Which calls and requests it takes.
    leads: Option<LeadClasses>,
    /// Takes leads that have any of these tags in any tag parameter. Not asked for `call_started`.
    #[schema(max_items = 100)]
    tags: Option<Vec<String>>,
    /// Takes leads for which any of these rules holds; a rule holds when all its conditions do.
    #[schema(max_items = 50)]
    traffic: Option<Vec<Vec<Condition>>>,
    /// What it subscribes to.
    sending: Option<Sending>,
    /// What is sent, and under which names; everything unless set.
    parameters: Option<ParameterChoice>,
    /// Plugins and scripts that the request passes, in order.
    #[schema(max_items = 10)]
    transform: Option<Vec<Link>>,
    /// Headers of one's own.
    headers: Option<BTreeMap<String, String>>,
    /// How requests are signed; not signed unless set.
    signing: Option<Signing>,
    /// What counts as success.
    success: Option<SuccessChoice>,
    /// The deadline of one attempt over connecting, sending and reading.
    #[schema(default = 15, minimum = 1, maximum = 60)]
    timeout_seconds: Option<u32>,
    /// When failed attempts are repeated.
    retry: Option<Retry>,
    /// How fast it may be sent to.
    rate: Option<RateLimits>,
    /// `lead`: the deliveries of one lead go out one after another; `none`: they do not wait.
    #[schema(default = "lead")]
    ordering: Option<OrderingWord>,
}

/// How a request is sent.
#[derive(Debug, ToSchema)]
#[schema(as = Method)]
pub(crate) enum MethodWord {
    #[schema(rename = "POST")]
    Post,
    #[schema(rename = "GET")]
    Get,
}

/// By which visit a lead's source is told: the last that is not direct, or the last.
#[derive(Debug, ToSchema)]
#[schema(as = Attribution, rename_all = "snake_case")]
pub(crate) enum AttributionWord {
    LastNonDirect,
    LastInteraction,
}

/// Whether the deliveries of one lead wait for each other.
#[derive(Debug, ToSchema)]
#[schema(as = Ordering, rename_all = "snake_case")]
pub(crate) enum OrderingWord {
    Lead,
    None,
}

/// Which leads it takes, by kind.
#[derive(Debug, ToSchema)]
pub(crate) struct LeadClasses {
    /// Calls.
    #[schema(default = "all")]
    calls: Option<LeadClassWord>,
    /// Requests.
    #[schema(default = "all")]
    requests: Option<LeadClassWord>,
}

/// Which leads of one kind a webhook takes.
#[derive(Debug, ToSchema)]
#[schema(as = LeadClass, rename_all = "snake_case")]
pub(crate) enum LeadClassWord {
    All,
    Unique,
    Target,
    UniqueTarget,
    None,
}

/// A condition on one parameter: exactly one of the operators. Values are compared as they would be sent, so that
/// `<не указано>` can be matched, and ignoring case except with `matches`.
#[derive(Debug, ToSchema)]
pub(crate) struct Condition {
    /// `source`, `medium`, `utm_source`, `utm_medium`, `utm_campaign`, `utm_content`, `utm_term`, `hostname`, `url` or
    /// `ref`.
    parameter: String,
    /// Equals any of these.
    is: Option<Vec<String>>,
    /// Equals none of these.
    is_not: Option<Vec<String>>,
    /// Contains any of these.
    contains: Option<Vec<String>>,
    /// Contains none of these.
    contains_not: Option<Vec<String>>,
    /// Begins with any of these.
    starts_with: Option<Vec<String>>,
    /// Any of these regular expressions finds something in it.
    matches: Option<Vec<String>>,
}

/// What a webhook subscribes to.
#[derive(Debug, ToSchema)]
pub(crate) struct Sending {
    /// `simplified`: once, when the most is known; `event_based`: at each trigger, at once.
    #[schema(default = "simplified")]
    model: Option<ModelWord>,
    /// Triggers. In the simplified model `call_started`, `call_ended` and `request_created`, the last two unless set.
    on: Option<Vec<TriggerWord>>,
    /// How long the simplified model waits.
    delay_minutes: Option<DelayMinutes>,
}

/// A model of sending.
#[derive(Debug, ToSchema)]
#[schema(as = Model, rename_all = "snake_case")]
pub(crate) enum ModelWord {
    Simplified,
    EventBased,
}

/// What a webhook can subscribe to.
#[derive(Debug, ToSchema)]
#[schema(as = Trigger, rename_all = "snake_case")]
pub(crate) enum TriggerWord {
    CallStarted,
    CallEnded,
    RequestCreated,
    CallStatusChanged,
    CallSpamChanged,
    CallTranscribed,
    LeadTagsChanged,
    LeadCommentsChanged,
    LeadManagerChanged,
    LeadRatingChanged,
}

/// Waits by trigger, in minutes.
#[derive(Debug, ToSchema)]
pub(crate) struct DelayMinutes {
    /// After a call's end.
    #[schema(default = 0, maximum = 1440)]
    call_ended: Option<u32>,
    /// After a request.
    #[schema(default = 0, maximum = 1440)]
    request_created: Option<u32>,
}

/// Which parameters are sent, and under which names. `only` and `except` exclude each other.
#[derive(Debug, ToSchema)]
pub(crate) struct ParameterChoice {
    /// Only these.
    only: Option<Vec<String>>,
    /// All but these.
    except: Option<Vec<String>>,
    /// New names by the catalogue's names; a list keeps its indices.
    rename: Option<BTreeMap<String, String>>,
}

/// A plugin or script in the chain.
#[derive(Debug, ToSchema)]
pub(crate) struct Link {
    /// Its name, or `name@<sha256>` for one version.
    plugin: String,
    /// Its configuration here.
    config: Option<Value>,
    /// The account's secrets that it may read here.
    #[schema(max_items = 20)]
    secrets: Option<Vec<String>>,
    /// What happens to the delivery when it fails.
    #[schema(default = "retry")]
    on_error: Option<OnErrorWord>,
}

/// What happens to a delivery whose plugin fails.
#[derive(Debug, ToSchema)]
#[schema(as = OnError, rename_all = "snake_case")]
pub(crate) enum OnErrorWord {
    Retry,
    SendOriginal,
    Skip,
}

/// How requests are signed: Standard Webhooks 1.0.
#[derive(Debug, ToSchema)]
pub(crate) struct Signing {
    /// Secrets that sign side by side, each `whsec_` and 24 to 64 bytes in base64.
    #[schema(max_items = 5)]
    secrets: Option<Vec<String>>,
}

/// What counts as success: `"2xx"` (unless set), `"200"`, or the judgement of a plugin.
#[derive(Debug, ToSchema)]
#[schema(as = Success)]
#[serde(untagged)]
pub(crate) enum SuccessChoice {
    Status(String),
    Plugin { plugin: String },
}

/// When failed attempts are repeated.
#[derive(Debug, ToSchema)]
pub(crate) struct Retry {
    /// The wait after each failed attempt, 1 to 604800 seconds; empty: no retry. Nine waits over about three days unless
    /// set.
    #[schema(max_items = 50)]
    after_seconds: Option<Vec<u32>>,
}

/// How fast a webhook may be sent to.
#[derive(Debug, ToSchema)]
pub(crate) struct RateLimits {
    /// Attempts begun per second; no such limit unless set.
    #[schema(minimum = 1, maximum = 1000)]
    per_second: Option<u32>,
    /// Attempts at one time.
    #[schema(default = 32, minimum = 1, maximum = 256)]
    concurrent: Option<u32>,
}
