//! Spans as OTLP has them in JSON (OpenTelemetry Protocol 1, "JSON Protobuf Encoding"): ids in hexadecimal, 64-bit numbers as
//! text, enumerations as numbers.

use leadhook_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::span::{Attribute, Context, Moment, Span, Value};

/// The number of a span's status that did not go well.
const STATUS_ERROR: u32 = 2;
const NANOSECONDS_OF_MILLISECOND: i128 = 1_000_000;

/// The body of a request that brings these spans.
pub(super) fn encode(spans: &[Span]) -> Vec<u8> {
    let (name, version) = ("leadhook", env!("CARGO_PKG_VERSION"));
    let of = [("service.name", name.into()), ("service.version", version.into())];
    let spans: Vec<Json> = spans.iter().map(span).collect();
    let scope = json!({ "scope": { "name": name, "version": version }, "spans": spans });
    let body = json!({
        "resourceSpans": [{ "resource": { "attributes": attributes(&of) }, "scopeSpans": [scope] }],
    });
    body.to_string().into_bytes()
}

fn span(span: &Span) -> Json {
    let began = nanoseconds(span.began);
    let ended = began.saturating_add(i128::try_from(span.lasted.as_nanos()).unwrap_or(i128::MAX));
    let mut shown = json!({
        "traceId": span.context.trace.to_string(),
        "spanId": span.context.span.to_string(),
        "name": span.name,
        "kind": span.kind as u32,
        "startTimeUnixNano": began.to_string(),
        "endTimeUnixNano": ended.to_string(),
        "attributes": attributes(&span.attributes),
        "events": span.moments.iter().map(moment).collect::<Vec<_>>(),
        "links": span.link.map(link).into_iter().collect::<Vec<_>>(),
    });
    if let Some(parent) = span.parent {
        shown["parentSpanId"] = json!(parent.to_string());
    }
    if let Some(failure) = span.failure {
        shown["status"] = json!({ "code": STATUS_ERROR, "message": failure });
    }
    shown
}

fn moment(moment: &Moment) -> Json {
    json!({
        "name": moment.name,
        "timeUnixNano": nanoseconds(moment.at).to_string(),
        "attributes": attributes(&moment.attributes),
    })
}

fn link(to: Context) -> Json {
    json!({ "traceId": to.trace.to_string(), "spanId": to.span.to_string() })
}

fn attributes(attributes: &[Attribute]) -> Vec<Json> {
    let value = |value: &Value| match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Truth(truth) => json!({ "boolValue": truth }),
    };
    attributes.iter().map(|(key, said)| json!({ "key": key, "value": value(said) })).collect()
}

fn nanoseconds(at: Timestamp) -> i128 {
    i128::from(at.0.max(0)) * NANOSECONDS_OF_MILLISECOND
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::span::{Kind, SpanId},
        *,
    };

    #[test]
    fn a_span_stands_in_the_form_that_the_protocol_has_for_json() {
        let of = |text: &str| Context::parse(text).unwrap();
        let parent = of("00-0af7651916cd43dd8448eb211c80319c-00000000000000ab-01");
        let context = Context { span: SpanId::random(), ..parent };
        let told = Span {
            context,
            parent: Some(parent.span),
            link: Some(of("00-000000000000000000000000000000cd-00000000000000ef-01")),
            name: "attempt",
            kind: Kind::Client,
            began: Timestamp(1_772_445_940_123),
            lasted: Duration::from_micros(1_500),
            attributes: vec![("a", "text".into()), ("b", Value::Number(i64::MAX)), ("c", Value::Truth(true))],
            moments: vec![Moment { name: "plugin", at: Timestamp(7), attributes: Vec::new() }],
            failure: Some("5xx"),
        };
        let body: Json = serde_json::from_slice(&encode(std::slice::from_ref(&told))).unwrap();
        let resource = &body["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({
                "key": "service.name", "value": { "stringValue": "leadhook" },
            })
        );
        let shown = &resource["scopeSpans"][0]["spans"][0];
        assert_eq!(
            *shown,
            json!({
                "traceId": "0af7651916cd43dd8448eb211c80319c",
                "spanId": context.span.to_string(),
                "parentSpanId": "00000000000000ab",
                "name": "attempt",
                "kind": 3,
                "startTimeUnixNano": "1772445940123000000",
                "endTimeUnixNano": "1772445940124500000",
                "attributes": [
                    { "key": "a", "value": { "stringValue": "text" } },
                    { "key": "b", "value": { "intValue": "9223372036854775807" } },
                    { "key": "c", "value": { "boolValue": true } },
                ],
                "events": [{ "name": "plugin", "timeUnixNano": "7000000", "attributes": [] }],
                "links": [{ "traceId": "000000000000000000000000000000cd", "spanId": "00000000000000ef" }],
                "status": { "code": 2, "message": "5xx" },
            })
        );
        let whole = encode(&[Span { parent: None, link: None, failure: None, ..told }]);
        let body: Json = serde_json::from_slice(&whole).unwrap();
        let shown = &body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert!(shown.get("parentSpanId").is_none() && shown.get("status").is_none(), "{shown}");
    }
}
