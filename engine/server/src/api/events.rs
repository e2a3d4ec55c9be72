//! Events in: one, an array, or a line each; the good ones go through together, in order.

mod reading;

use axum::{
    Json as Answer,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use leadhook_core::{accept::Refusal, event::Event, fault::Fault};
use leadhook_store::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::{self, Received},
    meter,
    problem::{FaultShown, Problem, ProblemBody},
    schema::event::EventIn,
};
use reading::{Form, Read};

/// A body above this size is read off the threads that serve others.
pub(super) const READ_APART_BYTES: usize = 128 * 1024;

/// An event, or an array of events.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what `reading` reads")]
pub(super) enum EventsIn {
    /// One event.
    One(Box<EventIn>),
    /// Events in their order, at most 1000.
    Several(Vec<EventIn>),
}

/// What became of the events, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventsAnswer {
    /// One for each event.
    events: Vec<EventAnswer>,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum EventAnswer {
    /// It was accepted and is durable.
    Accepted {
        /// The event's id: the source's, or the one made here.
        id: String,
        /// How many deliveries it made owed.
        deliveries: usize,
    },
    /// It was refused; nothing of it is stored.
    Refused {
        /// The event's id, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        error: EventError,
    },
}

/// Why an event was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EventError {
    /// A stable word: `invalid_event`, `unknown_lead`, `erased`, `unknown_site`, `event_too_large`, `bad_json`.
    pub(super) code: &'static str,
    /// What is wrong and what to do, for people.
    pub(super) detail: String,
    /// Everything wrong with it, up to 20 faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FaultShown>)]
    pub(super) errors: Vec<Fault>,
    /// The line it stands in, where events stand one in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
}

/// Take events in
///
/// One event, an array of them, or one in each line with `Content-Type: application/x-ndjson`: at most 1000 events and
/// 8 MiB. They apply in their order, and one bad event does not spoil the others. With 202 every event answered
/// without `error` is durable. The same `id` on the same site is one event: a repeat is answered as the first was.
#[utoipa::path(post, path = "/v1/events", tag = "events",
    request_body(content(
        (EventsIn = "application/json"),
        (String = "application/x-ndjson"),
    ), description = "An event, an array of events, or a line for each"),
    responses(
        (status = 202, description = "At least one event was accepted", body = EventsAnswer),
        (status = 400, description = "`bad_json`: the body is not JSON", body = ProblemBody),
        (status = 403, description = "`scope_missing`, `account_suspended`; `storage_full`: the account has as much stored as it may", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`media_type_not_supported`", body = ProblemBody),
        (status = 422, description = "No event was accepted; for several, `events` tells of each", body = ProblemBody),
        (status = 429, description = "`rate_exceeded`, `queue_full`: nothing was stored; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "Nothing was stored; try again after `Retry-After`", body = ProblemBody),
    ))]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(account): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let form = match body::media_type(request.headers()).as_deref() {
        None | Some("application/json") => Form::Json,
        Some("application/x-ndjson") => Form::Lines,
        Some(other) => {
            return Err(body::wrong_media_type(other, "application/json` or `application/x-ndjson"));
        }
    };
    let received = body::read(&api, request, api.settings.body_bytes_max).await?;
    let (found, is_single) = read(received, form, api.settings.events_per_batch_max).await?;
    let (good, slots) = sort(found);
    let answers = match good.is_empty() {
        true => Vec::new(),
        false => {
            meter::admit_events(&api, account, good.len()).await?;
            api.engine.accept(account, good).await?
        }
    };
    let answer = EventsAnswer { events: join(slots, answers) };
    let accepted = answer.events.iter().any(|event| matches!(event, EventAnswer::Accepted { .. }));
    match accepted {
        true => Ok((StatusCode::ACCEPTED, Answer(answer)).into_response()),
        false => Err(none_good(answer, is_single)),
    }
}

async fn read(received: Received, form: Form, most: usize) -> Result<(Vec<Read>, bool), Problem> {
    if received.bytes.len() <= READ_APART_BYTES {
        return reading::read(&received.bytes, form, most);
    }
    let reading = tokio::task::spawn_blocking(move || reading::read(&received.bytes, form, most));
    reading.await.unwrap_or_else(|failure| Err(Problem::internal(&failure)))
}

/// An event's place in the answer: refused already, or to be told by the engine.
enum Slot {
    Refused(EventAnswer),
    Sent(Option<String>),
}

/// The good events in their order, and a slot for each event.
fn sort(found: Vec<Read>) -> (Vec<Event>, Vec<Slot>) {
    let mut good = Vec::with_capacity(found.len());
    let slot = |read| match read {
        Read::Good(event) => {
            let id = event.id.clone();
            good.push(event);
            Slot::Sent(id)
        }
        Read::Bad { id, error } => Slot::Refused(EventAnswer::Refused { id, error }),
    };
    let slots = found.into_iter().map(slot).collect();
    (good, slots)
}

/// Puts the engine's answers, one for each event sent, into their slots.
fn join(slots: Vec<Slot>, answers: Vec<Result<Receipt, Refusal>>) -> Vec<EventAnswer> {
    let mut answers = answers.into_iter();
    let fill = |slot| match slot {
        Slot::Refused(answer) => Some(answer),
        Slot::Sent(id) => answers.next().map(|answer| match answer {
            Ok(receipt) => {
                EventAnswer::Accepted { id: receipt.event_id, deliveries: receipt.deliveries.len() }
            }
            Err(refusal) => EventAnswer::Refused { id, error: refused(&refusal) },
        }),
    };
    slots.into_iter().filter_map(fill).collect()
}

fn refused(refusal: &Refusal) -> EventError {
    let fault = Fault::new(refusal.path(), refusal.code(), refusal.to_string());
    EventError { code: refusal.code(), detail: refusal.to_string(), errors: vec![fault], line: None }
}

/// The answer where no event was good: for a single one its own error, for several all of them.
fn none_good(answer: EventsAnswer, is_single: bool) -> Problem {
    let events = serde_json::to_value(&answer.events).unwrap_or_default();
    let error = answer.events.into_iter().next().and_then(|event| match event {
        EventAnswer::Refused { error, .. } if is_single => Some(error),
        _ => None,
    });
    let problem = match error {
        Some(error) if error.code == "event_too_large" => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.code, error.detail)
        }
        Some(error) => Problem::refused(error.code, error.detail, error.errors),
        None => Problem::refused(
            "no_good_event",
            "every event was refused; `events` says why".to_owned(),
            Vec::new(),
        ),
    };
    problem.with("events", events)
}
