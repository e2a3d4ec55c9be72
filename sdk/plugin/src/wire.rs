//! The border to the engine in WebAssembly: bindings of the interface, and their types made ours.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "what `export!` needs is public, and made from the interface"
)]
#![allow(unsafe_code, reason = "the bindings are made by wit-bindgen")]

use std::sync::Once;

use self::imports::leadhook::plugin::{host, kv, types};
use crate::{
    Body, Decision, Delivery, Failure, Form, Judgement, Lead, Method, Request, Response, Verdict, host::Level,
};

pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package leadhook:guest; world imports { include leadhook:plugin/plugin@1.0.0; import leadhook:plugin/types@1.0.0; }",
        world: "leadhook:guest/imports",
        generate_all,
        generate_unused_types: true,
    });
}

// One world an export, so that a plugin exports what it has and nothing else.
pub mod filters {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package leadhook:guest; world filters { export leadhook:plugin/filter@1.0.0; }",
        world: "leadhook:guest/filters",
        with: {
            "leadhook:plugin/types@1.0.0": super::imports::leadhook::plugin::types,
            "leadhook:plugin/filter@1.0.0": generate,
        },
        pub_export_macro: true,
    });
}

pub mod transforms {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package leadhook:guest; world transforms { export leadhook:plugin/transform@1.0.0; }",
        world: "leadhook:guest/transforms",
        with: {
            "leadhook:plugin/types@1.0.0": super::imports::leadhook::plugin::types,
            "leadhook:plugin/transform@1.0.0": generate,
        },
        pub_export_macro: true,
    });
}

pub mod receipts {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package leadhook:guest; world receipts { export leadhook:plugin/receipt@1.0.0; }",
        world: "leadhook:guest/receipts",
        with: {
            "leadhook:plugin/types@1.0.0": super::imports::leadhook::plugin::types,
            "leadhook:plugin/receipt@1.0.0": generate,
        },
        pub_export_macro: true,
    });
}

pub use self::{
    filters::exports::leadhook::plugin::filter, imports::leadhook::plugin::types as wit_types,
    receipts::exports::leadhook::plugin::receipt, transforms::exports::leadhook::plugin::transform,
};

pub fn accept(
    delivery: types::Delivery,
    filter: impl Fn(&Delivery) -> Result<Decision, Failure>,
) -> Result<Option<String>, types::Failure> {
    log_panics();
    match filter(&delivery.into()) {
        Ok(Decision::Pass) => Ok(None),
        Ok(Decision::Skip(reason)) => Ok(Some(reason)),
        Err(failure) => Err(failure.into()),
    }
}

pub fn run(
    delivery: types::Delivery,
    request: types::Request,
    transform: impl Fn(&Delivery, &mut Request) -> Result<Verdict, Failure>,
) -> types::Verdict {
    log_panics();
    let mut request = request.into();
    match transform(&delivery.into(), &mut request) {
        Ok(Verdict::Send) => types::Verdict::Send(request.into()),
        Ok(Verdict::Skip(reason)) => types::Verdict::Skip(reason),
        Ok(Verdict::Defer { until_ms }) => types::Verdict::Defer(until_ms),
        Err(failure) => types::Verdict::Fail(failure.into()),
    }
}

pub fn judge(
    delivery: types::Delivery,
    response: types::Response,
    receipt: impl Fn(&Delivery, &Response) -> Result<Judgement, Failure>,
) -> types::Judgement {
    log_panics();
    let judgement =
        receipt(&delivery.into(), &response.into()).unwrap_or_else(|failure| failure.as_judgement());
    match judgement {
        Judgement::Delivered => types::Judgement::Delivered,
        Judgement::Retry { after_seconds } => types::Judgement::RetryAfter(after_seconds),
        Judgement::Refused(reason) => types::Judgement::Refused(reason),
    }
}

/// A trap tells the engine nothing but where; the log line before it tells what.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string()))));
}

pub(crate) fn log(level: Level, line: &str) {
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, line);
}

pub(crate) use host::{config, now_ms, random, secret};
pub(crate) use kv::{delete as kv_delete, get as kv_get, increment as kv_increment, set as kv_set};

impl From<types::Delivery> for Delivery {
    fn from(wire: types::Delivery) -> Self {
        let types::Delivery { id, webhook, site, trigger, occurred_at_ms, resend, sample, lead } = wire;
        Self { id, webhook, site, trigger, occurred_at_ms, resend, sample, lead: Lead::new(lead) }
    }
}

impl From<types::Request> for Request {
    fn from(wire: types::Request) -> Self {
        let body = match wire.body {
            types::Body::Form(form) => Body::Form(Form(pairs(form))),
            types::Body::Raw(types::Raw { content_type, bytes }) => Body::Raw { content_type, bytes },
        };
        // The engine gives GET or POST and nothing else.
        let method = if wire.method == "GET" { Method::Get } else { Method::Post };
        Self { method, url: wire.url, headers: pairs(wire.headers), body }
    }
}

impl From<Request> for types::Request {
    fn from(ours: Request) -> Self {
        let method = match ours.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let body = match ours.body {
            Body::Form(Form(form)) => types::Body::Form(wire_pairs(form)),
            Body::Raw { content_type, bytes } => types::Body::Raw(types::Raw { content_type, bytes }),
        };
        Self { method: method.to_owned(), url: ours.url, headers: wire_pairs(ours.headers), body }
    }
}

impl From<types::Response> for Response {
    fn from(wire: types::Response) -> Self {
        let types::Response { status, headers, body, elapsed_ms } = wire;
        Self { status, headers: pairs(headers), body, elapsed_ms }
    }
}

impl From<Failure> for types::Failure {
    fn from(ours: Failure) -> Self {
        Self { code: ours.code, message: ours.detail, retryable: ours.is_retryable }
    }
}

fn pairs(wire: Vec<types::Pair>) -> Vec<(String, String)> {
    wire.into_iter().map(|types::Pair { name, value }| (name, value)).collect()
}

fn wire_pairs(ours: Vec<(String, String)>) -> Vec<types::Pair> {
    ours.into_iter().map(|(name, value)| types::Pair { name, value }).collect()
}
