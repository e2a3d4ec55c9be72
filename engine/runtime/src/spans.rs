//! Spans by option: what happened to an event and to each delivery of it, told to a collector as one trace.
//!
//! The trace follows from what a delivery knows of its event ([`Context::of_event`]), so it goes on over retries, restarts
//! and resends. Without a collector nothing of this is done: each seam looks at an `Option` and goes on.

mod otlp;
mod outlet;
mod span;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook_core::{
    accept::Refusal,
    delivery::{Delivery, Method, Request},
    id::{AccountId, DeliveryId},
    outcome::Outcome,
    plugin::Run,
    time::Timestamp,
};
use leadhook_store::Receipt;
use prometheus::{IntCounter, Registry};
use url::Url;

use crate::{engine::Carrier, metrics, prepare::Prepared};
use outlet::Outlet;
use span::{Attribute, Context, Kind, Moment, Span, SpanId, TraceId, Value};

/// The header by which a span names itself to whom it asks (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// Where spans go: a collector that takes OTLP over HTTP in JSON.
pub struct Collector {
    /// Takes batches there; one of its own, since the operator's collector may stand where no webhook may be sent.
    pub carrier: Arc<dyn Carrier>,
    /// The URL that batches are posted to, `https://collector.example/v1/traces`.
    pub url: String,
}

tokio::task_local! {
    static CALLER: Option<Context>;
}

/// Does something for a caller who may have named his own span in this header `traceparent`: the span of an event that
/// is accepted meanwhile links to it. A malformed one is as good as none (W3C Trace Context, 3.2).
pub async fn called_from<T>(traceparent: Option<&str>, what: impl Future<Output = T>) -> T {
    CALLER.scope(traceparent.and_then(Context::parse), what).await
}

/// What tells spans; without a collector it does nothing.
pub(crate) struct Spans {
    outlet: Option<Outlet>,
    dropped: IntCounter,
}

/// A span that is under way.
pub(crate) struct Begun {
    id: SpanId,
    at: Timestamp,
    instant: Instant,
    /// Who called, for the span of an event.
    caller: Option<Context>,
}

impl Spans {
    /// Begins to tell spans to this collector. Must be called within a tokio runtime.
    pub(crate) fn start(collector: Option<Collector>) -> Self {
        let dropped = metrics::counter(
            "leadhook_spans_dropped_total",
            "Spans that the collector did not get: too many waited, or it did not take them.",
        );
        Self { outlet: collector.map(|collector| Outlet::open(collector, dropped.clone())), dropped }
    }

    /// Adds what is counted here to those who are asked for metrics. Fails where the same was added before.
    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.dropped.clone()))
    }

    /// Begins to accept events.
    pub(crate) fn begin(&self, at: Timestamp) -> Option<Begun> {
        let caller = || CALLER.try_with(|caller| *caller).ok().flatten();
        self.outlet.as_ref().map(|_| Begun { caller: caller(), ..Begun::at(at) })
    }

    /// Events were answered. One that made something owed is the root of its trace, and a repeat of it stands in the same
    /// trace; one that made nothing owed has a trace of its own. Refused ones have none.
    pub(crate) fn accepted(
        &self,
        begun: Option<Begun>,
        account: AccountId,
        answers: &[Result<Receipt, Refusal>],
    ) {
        let (Some(outlet), Some(begun)) = (&self.outlet, begun) else { return };
        for receipt in answers.iter().flatten() {
            let root = receipt.kind.trigger().zip(receipt.deliveries.first()).map(|(trigger, delivery)| {
                Context::of_event(account, delivery.lane.lead, trigger, receipt.time)
            });
            let is_repeat = root.is_some() && receipt.wake.is_empty();
            let own = |trace| Context { trace, span: SpanId::random() };
            let context = match root {
                Some(root) if is_repeat => own(root.trace),
                Some(root) => root,
                None => own(TraceId::random()),
            };
            outlet.put(Span {
                context,
                parent: root.filter(|_| is_repeat).map(|root| root.span),
                link: begun.caller,
                name: "accept",
                kind: Kind::Server,
                began: begun.at,
                lasted: begun.instant.elapsed(),
                attributes: vec![
                    ("leadhook.account.id", Value::Number(account.0.into())),
                    ("leadhook.event.type", receipt.kind.word().into()),
                    ("leadhook.event.repeated", Value::Truth(is_repeat)),
                    ("leadhook.deliveries", number(receipt.deliveries.len())),
                ],
                moments: Vec::new(),
                failure: None,
            });
        }
    }

    /// What can be told of a claimed delivery's turn.
    pub(crate) fn trail(&self, account: AccountId, delivery: &Delivery) -> Option<Trail<'_>> {
        let outlet = self.outlet.as_ref()?;
        let lead = delivery.id.lane.lead;
        Some(Trail {
            outlet,
            event: Context::of_event(account, lead, delivery.trigger, delivery.occurred_at),
            account,
            delivery: delivery.id,
            due: delivery.state.due(),
            renderings: delivery.renderings.len(),
            runs: delivery.runs.len(),
        })
    }

    /// Tells what waits and ends: within this time.
    pub(crate) async fn close(&self, within: Duration) {
        if let Some(outlet) = &self.outlet {
            outlet.close(within).await;
        }
    }
}

impl Begun {
    /// A span that begins now, which is `at` by the engine's clock.
    pub(crate) fn at(at: Timestamp) -> Self {
        Self { id: SpanId::random(), at, instant: Instant::now(), caller: None }
    }
}

/// One turn of a delivery: each part of it is a span below its event's.
pub(crate) struct Trail<'a> {
    outlet: &'a Outlet,
    event: Context,
    account: AccountId,
    delivery: DeliveryId,
    due: Option<Timestamp>,
    /// How many renderings and runs of plugins there were before.
    renderings: usize,
    runs: usize,
}

impl Trail<'_> {
    /// It was prepared: rendered, passed through plugins, or ended or put off without an attempt. A retry that sends what is
    /// stored was not.
    pub(crate) fn prepared(&self, begun: &Begun, prepared: &Prepared) {
        let (delivery, is_ended) = match prepared {
            Prepared::Ready { delivery, .. } => (delivery, false),
            Prepared::Ended { delivery, .. } => (delivery, true),
        };
        let runs = delivery.runs.get(self.runs..).unwrap_or_default();
        if !is_ended && delivery.renderings.len() == self.renderings && runs.is_empty() {
            return;
        }
        let late_ms = self.due.map_or(0, |due| begun.at.0.saturating_sub(due.0).max(0));
        let mut attributes = vec![("leadhook.late_ms", Value::Number(late_ms))];
        attributes.extend(is_ended.then(|| ("leadhook.state", delivery.state.name().word().into())));
        let withheld = delivery
            .attempts
            .last()
            .map(|attempt| &attempt.outcome)
            .filter(|outcome| is_ended && matches!(outcome, Outcome::Withheld { .. }));
        self.outlet.put(Span {
            moments: runs.iter().map(|run| plugin(run, begun.at)).collect(),
            failure: withheld.map(metrics::label),
            ..self.part(begun, "render", Kind::Internal, attributes)
        });
    }

    /// The header that names an attempt to its handler, unless the webhook's own settings or plugins set one.
    pub(crate) fn header(&self, begun: &Begun, request: &Request) -> Option<(String, String)> {
        let is_free = request.headers.iter().all(|(name, _)| name != TRACEPARENT);
        let context = Context { span: begun.id, ..self.event };
        is_free.then(|| (TRACEPARENT.to_owned(), context.header()))
    }

    /// A handler was asked, for the `number`th time.
    pub(crate) fn attempted(&self, begun: &Begun, number: u32, request: &Request, outcome: &Outcome) {
        let label = metrics::label(outcome);
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut attributes = vec![
            ("http.request.method", method.into()),
            ("leadhook.attempt.number", Value::Number(number.into())),
            ("leadhook.outcome", label.into()),
        ];
        if let Ok(url) = Url::parse(&request.url) {
            attributes.extend(url.host_str().map(|host| ("server.address", host.to_owned().into())));
            let port = url.port_or_known_default().map(i64::from);
            attributes.extend(port.map(|port| ("server.port", Value::Number(port))));
        }
        let status = match outcome {
            Outcome::Answered(answer) => Some(answer.status),
            Outcome::Broken { status, .. } => *status,
            Outcome::Withheld { .. } => None,
        };
        attributes.extend(status.map(|status| ("http.response.status_code", Value::Number(status.into()))));
        let failure = (label != "2xx").then_some(label);
        attributes.extend(failure.map(|failure| ("error.type", failure.into())));
        self.outlet.put(Span { failure, ..self.part(begun, "attempt", Kind::Client, attributes) });
    }

    /// What its turn came to was recorded.
    pub(crate) fn settled(&self, begun: &Begun, state: &'static str) {
        let attributes = vec![("leadhook.state", state.into())];
        self.outlet.put(self.part(begun, "settle", Kind::Internal, attributes));
    }

    fn part(&self, begun: &Begun, name: &'static str, kind: Kind, mut attributes: Vec<Attribute>) -> Span {
        attributes.extend([
            ("leadhook.account.id", Value::Number(self.account.0.into())),
            ("leadhook.webhook.id", self.delivery.lane.webhook.to_string().into()),
            ("leadhook.delivery.id", self.delivery.to_string().into()),
        ]);
        Span {
            context: Context { span: begun.id, ..self.event },
            parent: Some(self.event.span),
            link: None,
            name,
            kind,
            began: begun.at,
            lasted: begun.instant.elapsed(),
            attributes,
            moments: Vec::new(),
            failure: None,
        }
    }
}

/// One run of a plugin or script.
fn plugin(run: &Run, at: Timestamp) -> Moment {
    let elapsed_us = i64::try_from(run.elapsed_us).unwrap_or(i64::MAX);
    Moment {
        name: "plugin",
        at,
        attributes: vec![
            ("leadhook.plugin.name", run.plugin.clone().into()),
            ("leadhook.plugin.step", run.step.word().into()),
            ("leadhook.plugin.outcome", metrics::run_label(run).to_owned().into()),
            ("leadhook.plugin.elapsed_us", Value::Number(elapsed_us)),
        ],
    }
}

fn number(count: usize) -> Value {
    Value::Number(i64::try_from(count).unwrap_or(i64::MAX))
}
