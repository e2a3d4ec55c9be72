//! Write a leadhook plugin in Rust: plain functions that filter, rewrite and judge deliveries.
//!
//! A plugin is a crate of type `cdylib` that names what it exports:
//!
//! ```
//! use leadhook_plugin::prelude::*;
//!
//! leadhook_plugin::export! { transform: add_city }
//!
//! fn add_city(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
//!     let Some(city) = delivery.lead.text(Parameter::City) else {
//!         return Ok(Verdict::Skip("the city is not known".to_owned()));
//!     };
//!     request.form_mut()?.set("town", city);
//!     Ok(Verdict::Send)
//! }
//!
//! // In a test, without WebAssembly:
//! use leadhook_plugin::mock::Host;
//! use serde_json::json;
//!
//! let lead = json!({"site": "60001", "type": "call", "id": "1", "parameters": {"city": "Москва"}, "visits": []});
//! let mut request = Request::post("https://crm.example/", [("id", "1")]);
//! let verdict = Host::new().run(|| add_city(&Delivery::of(lead), &mut request));
//! assert_eq!(verdict, Ok(Verdict::Send));
//! assert_eq!(request.form().unwrap().get("town"), Some("Москва"));
//! ```
//!
//! It is built by `cargo build --release --target wasm32-unknown-unknown`; the engine takes the `.wasm` as it is.
//! The engine calls each export in a fresh instance with limits on fuel, time, memory and sizes, so nothing stays
//! in memory from one delivery to the next; what shall stay goes into [`kv`].
//!
//! # The lead
//!
//! [`Lead`] reads one JSON object. What may be absent is absent, never `null`; fields may be added.
//!
//! | field | value |
//! |---|---|
//! | `site`, `type`, `id` | which lead this is; `type` is `call` or `request` |
//! | `parameters` | every parameter of the catalogue that has a value, under its own name, in the catalogue's order, whether or not the webhook selects or renames it |
//! | `visits` | all visits, oldest first, with the fields of an event's visits; `at` in UTC |
//! | `started_at` | when it began, RFC 3339 in UTC |
//! | `timezone`, `country` | of its site: an IANA zone, two letters |
//! | `renamed` | names of parameters with the names under which the webhook sends them, where it renames |
//!
//! A value of `parameters` is the text as it would be sent (`attrs` is a JSON object as text); `tags_…` are arrays of
//! texts; `comment`, `text` and `add_url_params` are arrays of objects with two fields each. A word that only
//! stands for an absent value (`null`, `undefined`, `<не указано>`, `<не заполнено>`, an empty text, the `0` of a
//! rating that nobody gave) is no value.
//!
//! # Tests
//!
//! [`mock::Host`] stands for the engine in a native test. [`fixture::check`] runs folders of sample leads:
//! `fixtures/NAME/` has `lead.json`, and where they matter `delivery.json` (`id`, `webhook`, `trigger`,
//! `occurred_at`, `now`, `resend`, `sample`), `config.json`, `secrets.json` and `kv.json` (names with texts),
//! `request.json` (else a POST of an empty form) or `response.json` (then the receipt is run), and
//! `expected.json`: one of
//!
//! ```json
//! {"send": {"method": "POST", "url": "https://…", "headers": [["x-a", "1"]], "body": {"form": [["id", "1"]]}}}
//! {"send": "unchanged"}
//! {"skip": "the reason"}
//! {"defer": "2026-03-02T10:00:00Z"}
//! {"fail": {"code": "bad_config", "message": "…", "retryable": false}}
//! {"judgement": "delivered"}
//! {"judgement": "retry", "after_seconds": 30}
//! {"judgement": "refused", "reason": "…"}
//! ```
//!
//! with `kv` beside it where the state changed. A body is `form`, or `json`, `text` or `base64` with a
//! `content_type`. A link with a filter and a transform runs both, in this order.

mod delivery;
mod export;
#[cfg(any(target_family = "wasm", test))]
mod heap;
pub mod host;
pub mod kv;
mod lead;
mod members;
mod parameter;
mod request;
mod response;
pub mod template;
mod verdict;

#[cfg(not(target_family = "wasm"))]
pub mod fixture;
#[cfg(not(target_family = "wasm"))]
pub mod mock;
#[cfg(not(target_family = "wasm"))]
use mock as wire;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod wire;

#[cfg(not(target_family = "wasm"))]
pub use export::{Exports, Filter, Receipt, Transform};
pub use {
    delivery::Delivery,
    host::{config, now_ms, random, secret},
    lead::{Lead, LeadKind, Visit},
    parameter::{Kind, Parameter},
    request::{Body, Form, Method, Request},
    response::Response,
    verdict::{Decision, Failure, Judgement, Verdict},
};

/// What nearly every plugin names.
pub mod prelude {
    pub use crate::{
        Body, Decision, Delivery, Failure, Judgement, Lead, LeadKind, Parameter, Request, Response, Verdict,
        config, kv, now_ms, secret,
    };
}
