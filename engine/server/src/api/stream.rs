//! The stream: changes of deliveries and notifications, told as they happen (server-sent events).

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use leadhook_core::{
    account::key::Scope,
    delivery::StateName,
    id::{AccountId, WebhookId},
    notification::{NOTIFICATIONS_MAX, Notification, NotificationKind},
    time::Serial,
};
use leadhook_store::{Change, Followed, Following, Happening};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{self, Caller, Identity},
    leads::LeadName,
    notifications::NotificationShown,
    problem::{Problem, ProblemBody},
    query::{Named as _, Query},
};

/// Streams of one account at one time.
const STREAMS_PER_ACCOUNT_MAX: usize = 16;
/// Streams of all accounts at one time: each holds a connection.
const STREAMS_MAX: usize = 256;
/// How long a stream lasts: whoever asks again shows a key that still holds.
const STREAM_TIME_MAX: Duration = Duration::from_secs(3_600);
/// The pause after which a comment shows that the connection stands.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon a client that was cut off is to come again.
const COME_AGAIN: Duration = Duration::from_secs(2);
/// The header by which a client says what it has (the HTML standard, "Server-sent events").
const LAST_EVENT_ID: &str = "last-event-id";

/// The word by which changes of deliveries are asked for.
const DELIVERY: &str = "delivery";
/// The word by which notifications of every kind are asked for.
const NOTIFICATION: &str = "notification";

/// A delivery that has come to another state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryChange)]
pub(super) struct ChangeShown {
    /// Its id; handlers get it as `webhook-id`.
    id: String,
    /// The webhook's id.
    webhook: String,
    /// The lead.
    lead: LeadName,
    /// What fired.
    #[schema(example = "call_ended")]
    trigger: &'static str,
    /// `scheduled`, `sending`, `retrying`, `delivered`, `skipped`, `failed` or `cancelled`.
    state: &'static str,
    /// Why it was skipped, failed or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it may go out, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    due: Option<String>,
    /// Since when it is owed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// How many attempts were made.
    attempt_count: usize,
    /// What the last attempt came to, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_outcome: Option<String>,
}

impl ChangeShown {
    fn of(change: Change) -> Self {
        let Change { id, lead, trigger, state, due, ended_at, reason, attempt_count, last_outcome } = change;
        Self {
            id: id.to_string(),
            webhook: id.lane.webhook.to_string(),
            lead: LeadName::of(&lead),
            trigger: trigger.word(),
            state: StateName::word(state),
            reason,
            due: due.map(|due| due.to_rfc3339()),
            created_at: id.serial.time().to_rfc3339(),
            ended_at: ended_at.map(|at| at.to_rfc3339()),
            attempt_count,
            last_outcome,
        }
    }
}

/// The first event of a stream, `ready`: what happens from now on is told.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// How many seconds the stream lasts at most.
    lasts_seconds: u64,
}

/// One event of a stream as it is on the wire (the HTML standard, "Server-sent events"); only described, never built.
#[derive(ToSchema)]
#[allow(dead_code, reason = "its fields are the description")]
pub(super) struct StreamEvent {
    /// `ready`, `delivery`, `notification` or `end`.
    event: String,
    /// What to show as `Last-Event-ID` when coming again.
    id: Option<String>,
    /// JSON.
    data: String,
    /// How soon to come again after the connection broke, in milliseconds.
    retry: Option<u64>,
}

/// The last event of a stream, `end`. Ask again, with the last id in `Last-Event-ID`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamEnd {
    /// `too_slow`: more happened than was read; `shutting_down`; `key_gone`; `time`: it has lasted as long as streams do.
    reason: &'static str,
    /// What that means, for people.
    detail: &'static str,
}

const TOO_SLOW: StreamEnd = StreamEnd {
    reason: "too_slow",
    detail: "more happened than was read; ask again: notifications go on after `Last-Event-ID`, and `GET /v1/deliveries` \
             tells how deliveries stand",
};
const SHUTTING_DOWN: StreamEnd =
    StreamEnd { reason: "shutting_down", detail: "the engine is shutting down; ask again in a moment" };
const KEY_GONE: StreamEnd =
    StreamEnd { reason: "key_gone", detail: "the key that it was asked for with opens it no longer" };
const LASTED: StreamEnd = StreamEnd { reason: "time", detail: "a stream lasts an hour; ask again" };

/// How many streams each account has.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<HashMap<AccountId, usize>>);

/// One stream's place among them; given back when dropped.
struct Place {
    streams: Arc<Streams>,
    account: AccountId,
}

impl Streams {
    fn take_place(self: &Arc<Self>, account: AccountId) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= STREAMS_MAX {
            return Err(Problem::overloaded("too many streams are open at this moment"));
        }
        let own = open.entry(account).or_default();
        if *own >= STREAMS_PER_ACCOUNT_MAX {
            return Err(Problem::conflict(
                "too_many_streams",
                format!(
                    "the account has {STREAMS_PER_ACCOUNT_MAX} streams open, as many as it may; end one first"
                ),
            ));
        }
        *own += 1;
        Ok(Place { streams: Arc::clone(self), account })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.account);
            }
        }
    }
}

/// What a stream tells.
#[derive(Debug)]
struct Wanted {
    webhook: Option<WebhookId>,
    deliveries: bool,
    kinds: Vec<NotificationKind>,
}

impl Wanted {
    fn read(query: &mut Query) -> Self {
        let webhook =
            query.get("webhook", |text| WebhookId::by_id(text).map_err(|detail| ("bad_webhook_id", detail)));
        let kinds = query.get("kinds", |text| text.split(',').map(kinds).collect::<Result<Vec<_>, _>>());
        match kinds {
            None => Self { webhook, deliveries: true, kinds: NotificationKind::ALL.to_vec() },
            Some(kinds) => Self {
                webhook,
                deliveries: kinds.iter().any(Option::is_none),
                kinds: kinds.into_iter().flatten().flatten().copied().collect(),
            },
        }
    }

    fn wants(&self, notification: &Notification) -> bool {
        let news = &notification.news;
        self.kinds.contains(&news.kind()) && self.webhook.is_none_or(|webhook| webhook == news.webhook())
    }
}

/// What a word of `kinds` means; `None`: changes of deliveries.
fn kinds(word: &str) -> Result<Option<&'static [NotificationKind]>, (&'static str, String)> {
    let all = NotificationKind::ALL;
    match all.iter().position(|kind| kind.word() == word) {
        Some(place) => Ok(Some(&all[place..=place])),
        None if word == NOTIFICATION => Ok(Some(all)),
        None if word == DELIVERY => Ok(None),
        None => {
            let words: Vec<_> = all.iter().map(|kind| kind.word()).collect();
            let detail = format!(
                "expected some of `{DELIVERY}`, `{NOTIFICATION}`, `{}`, separated by commas",
                words.join("`, `")
            );
            Err(("unknown_value", detail))
        }
    }
}

/// One open stream.
struct Open {
    wanted: Wanted,
    following: Following,
    /// Notifications that were noted before it began to follow.
    before: VecDeque<Notification>,
    /// The last notification that was told, or came before.
    last: Serial,
    began: Instant,
    api: Api,
    identity: Identity,
    stage: Stage,
    _place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begins,
    Tells,
    Ended,
}

/// Follow what happens
///
/// Server-sent events: first `ready`, then `delivery` for each change of a delivery's state and `notification` as they are
/// committed, at last `end` with the reason. `ready` and `notification` have ids: with the last one in `Last-Event-ID`,
/// as browsers send it by themselves, a stream tells first what was noted since. Changes of deliveries are not told again;
/// `GET /v1/deliveries` tells how they stand. Comments show that the connection stands. Who reads too slowly is cut off.
/// At most 16 streams of an account, each an hour.
#[utoipa::path(get, path = "/v1/stream", tag = "notifications",
    params(
        ("webhook" = Option<String>, Query, description = "Of this webhook"),
        ("kinds" = Option<String>, Query, description = "Only some of `delivery`, `notification` and the kinds of notifications, separated by commas", example = "delivery,handler_failing"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last id that was told"),
    ),
    responses(
        (status = 200, description = "The stream; the data of `delivery` is a DeliveryChange, of `notification` a Notification, of `end` a StreamEnd", body = StreamEvent, content_type = "text/event-stream"),
        (status = 409, description = "`too_many_streams`", body = ProblemBody),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn follow(
    State(api): State<Api>,
    Caller(account): Caller,
    identity: Identity,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = Wanted::read(&mut query);
    let resumes = last_event_id(&headers, &mut query);
    query.finish()?;
    let place = api.streams.take_place(account)?;
    let store = api.engine.store();
    let last = match resumes {
        Some(last) => last,
        None => store.notifications(account, 1, None).await?.rows.first().map_or(Serial(0), |one| one.serial),
    };
    let (deliveries, notifications) = (wanted.deliveries, !wanted.kinds.is_empty());
    let followed = Followed { account: Some(account), webhook: wanted.webhook, deliveries, notifications };
    let following = store.follow(followed).await?;
    // Read after the following has begun, so that nothing falls between them.
    let before = store.notifications_after(account, last, NOTIFICATIONS_MAX).await?.into();
    let open = Open {
        wanted,
        following,
        before,
        last,
        began: Instant::now(),
        api: api.clone(),
        identity,
        stage: Stage::Begins,
        _place: place,
    };
    let events = stream::unfold(open, |mut open| async move {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// The id that the client has; refused where no stream told it.
fn last_event_id(headers: &HeaderMap, query: &mut Query) -> Option<Serial> {
    let given = headers.get(LAST_EVENT_ID)?.to_str().ok().filter(|text| text.len() == 16);
    let serial = given.and_then(|text| u64::from_str_radix(text, 16).ok()).map(Serial);
    if serial.is_none() {
        query.fault("Last-Event-ID", "bad_event_id", "expected the id of an event of this stream");
    }
    serial
}

impl Open {
    /// The next event; `None` after the last.
    async fn next(&mut self) -> Option<Event> {
        match self.stage {
            Stage::Ended => return None,
            Stage::Begins => {
                self.stage = Stage::Tells;
                let ready = Ready { lasts_seconds: STREAM_TIME_MAX.as_secs() };
                return Some(event("ready", &ready).id(id(self.last)).retry(COME_AGAIN));
            }
            Stage::Tells => {}
        }
        while let Some(notification) = self.before.pop_front() {
            self.last = notification.serial;
            if self.wanted.wants(&notification) {
                return Some(told(&notification));
            }
        }
        let readiness = self.api.settings.readiness.clone();
        let lasts_until = self.began + STREAM_TIME_MAX;
        loop {
            let happened = tokio::select! {
                happened = self.following.next() => happened,
                () = readiness.shutting_down() => return Some(self.end(&SHUTTING_DOWN)),
                () = tokio::time::sleep_until(lasts_until) => return Some(self.end(&LASTED)),
            };
            if !auth::is_still_open(&self.api, &self.identity, Scope::Read).await {
                return Some(self.end(&KEY_GONE));
            }
            match happened {
                None => return Some(self.end(&TOO_SLOW)),
                Some((_, Happening::Delivery(change))) => {
                    return Some(event(DELIVERY, &ChangeShown::of(change)));
                }
                // Was told already, from what was noted before.
                Some((_, Happening::Notification(known))) if known.serial <= self.last => {}
                Some((_, Happening::Notification(notification))) => {
                    self.last = notification.serial;
                    if self.wanted.wants(&notification) {
                        return Some(told(&notification));
                    }
                }
            }
        }
    }

    fn end(&mut self, end: &StreamEnd) -> Event {
        self.stage = Stage::Ended;
        event("end", end)
    }
}

fn told(notification: &Notification) -> Event {
    event(NOTIFICATION, &NotificationShown::of(notification)).id(notification.id())
}

fn event(name: &str, what: &impl Serialize) -> Event {
    Event::default().event(name).json_data(what).expect("plain data becomes JSON without line breaks")
}

fn id(serial: Serial) -> String {
    format!("{:016x}", serial.0)
}
