//! What the tests of scripts share: a sample delivery and request, and a call of each hook.
#![allow(dead_code, reason = "each test file uses a part")]

use leadhook_rhai_runner::{
    Body, Delivery, Failure, Judgement, Pair, Request, Response, Runner, Verdict, fake,
};

/// A lead as the engine tells it to a plugin.
pub(crate) const LEAD: &str = r#"{"site":"60001","type":"call","id":"1500000001","parameters":{"leadtype":"call",
"callphase":"calldisconnected","id":"1500000001","ctCallerId":"77","callerphone":"79990001001",
"phonenumber":"79990000100","duration":"194","calltime":"2026-03-02 12:45:03","status":"successful",
"unique":"true","tags_manual":["горячий","окна"],"utm_source":"yandex","utm_campaign":"okna_msk",
"comment":[{"party":"operator","comment":"Перезвонить"}],"siteName":"Окна","manager":"Анна Петрова"},
"visits":[{"at":"2026-03-02T09:41:10Z","url":"https://shop.example/windows"}],
"started_at":"2026-03-02T09:45:03Z","timezone":"Europe/Moscow","country":"RU"}"#;

pub(crate) fn delivery() -> Delivery {
    Delivery {
        id: "d-1".to_owned(),
        webhook: "crm".to_owned(),
        site: "60001".to_owned(),
        trigger: "call.ended".to_owned(),
        occurred_at_ms: 1_772_444_703_000,
        resend: false,
        sample: false,
        lead: LEAD.to_owned(),
    }
}

pub(crate) fn request() -> Request {
    let pair = |(name, value): (&str, &str)| Pair { name: name.to_owned(), value: value.to_owned() };
    Request {
        method: "POST".to_owned(),
        url: "https://crm.example/leads".to_owned(),
        headers: [("x-first", "1")].map(pair).into(),
        body: Body::Form([("callerphone", "79990001001"), ("utm_source", "yandex")].map(pair).into()),
    }
}

pub(crate) fn response(status: u16, body: &str) -> Response {
    let kind = Pair { name: "content-type".to_owned(), value: "application/json".to_owned() };
    Response { status, headers: vec![kind], body: body.as_bytes().to_vec(), elapsed_ms: 12 }
}

/// Runs a script as the transform of the sample delivery, in a new runner.
pub(crate) fn run(script: &str) -> Verdict {
    Runner::new().run(script, delivery(), request())
}

/// The request that a script sends, as lines: method and URL, headers, fields or body.
#[track_caller]
pub(crate) fn sent(script: &str) -> String {
    told(&run(script))
}

/// A verdict in words, which are easy to compare.
pub(crate) fn told(verdict: &Verdict) -> String {
    let pairs = |pairs: &[Pair]| {
        let all: Vec<_> = pairs.iter().map(|pair| format!("{}={}", pair.name, pair.value)).collect();
        all.join("&")
    };
    match verdict {
        Verdict::Send(request) => {
            let body = match &request.body {
                Body::Form(fields) => pairs(fields),
                Body::Raw(raw) => format!("{}: {}", raw.content_type, String::from_utf8_lossy(&raw.bytes)),
            };
            format!("{} {} {} {body}", request.method, request.url, pairs(&request.headers))
        }
        Verdict::Skip(why) => format!("skip {why}"),
        Verdict::Defer(at_ms) => format!("defer {at_ms}"),
        Verdict::Fail(failure) => failed(failure),
    }
}

pub(crate) fn failed(failure: &Failure) -> String {
    let kind = if failure.retryable { "retryable" } else { "final" };
    format!("{kind} {}: {}", failure.code, failure.message)
}

/// What a script's filter answers about the sample delivery.
pub(crate) fn accept(script: &str) -> Result<Option<String>, String> {
    Runner::new().accept(script, delivery()).map_err(|failure| failed(&failure))
}

/// What a script's receipt answers about an answer.
pub(crate) fn judge(script: &str, response: Response) -> Result<Judgement, String> {
    Runner::new().judge(script, delivery(), response).map_err(|failure| failed(&failure))
}

/// What the script wrote to the log.
pub(crate) fn log() -> Vec<String> {
    fake::with(|world| world.log.iter().map(|(level, line)| format!("{level} {line}")).collect())
}

/// What a script makes of one expression: its value as text.
#[track_caller]
pub(crate) fn value(expression: &str) -> String {
    match run(&format!("request.raw(\"t\", `${{{expression}}}`);")) {
        Verdict::Send(Request { body: Body::Raw(raw), .. }) => {
            String::from_utf8_lossy(&raw.bytes).into_owned()
        }
        other => told(&other),
    }
}
