//! Fixtures: sample leads with what is to come of them, one folder each, checked in a native test.
#![allow(clippy::panic, reason = "it speaks to tests, which end by panicking")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::{
    Body, Decision, Delivery, Exports, Failure, Form, Judgement, Lead, Method, Request, Response, Verdict,
    mock::Host,
};

/// Checks every folder of `fixtures` in this folder of a crate. With `UPDATE_FIXTURES` in the environment what
/// came out is written to `expected.json` instead.
///
/// # Panics
/// When one comes out otherwise, is not read, or there is none.
pub fn check(crate_folder: &str, exports: &Exports) {
    let folder = Path::new(crate_folder).join("fixtures");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} has no fixtures", folder.display());
    let wrong: Vec<String> = folders.iter().filter_map(|folder| check_one(folder, exports)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong about one fixture.
fn check_one(folder: &Path, exports: &Exports) -> Option<String> {
    let came_out = run(folder, exports);
    let path = folder.join("expected.json");
    if env::var_os("UPDATE_FIXTURES").is_some() {
        let text = serde_json::to_string_pretty(&came_out).expect("JSON has a text");
        fs::write(&path, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return None;
    }
    let mut expected: Json = read(folder, "expected.json")
        .unwrap_or_else(|| panic!("{} is missing; UPDATE_FIXTURES=1 writes it", path.display()));
    if let Some(request) = expected.get_mut("send").filter(|request| request.is_object()) {
        *request = write_request(&read_request(request.take(), folder));
    }
    (came_out != expected)
        .then(|| format!("{}\n  expected {expected}\n  came out {came_out}", folder.display()))
}

/// Runs the plugin over one fixture and answers what came out, in the form of `expected.json`.
fn run(folder: &Path, exports: &Exports) -> Json {
    let lead: Json = read(folder, "lead.json")
        .unwrap_or_else(|| panic!("{} has no lead.json, which a native test needs", folder.display()));
    let about: About = read(folder, "delivery.json").unwrap_or_default();
    let mut host = host(folder, &about);
    let delivery = about.delivery(Lead::from(lead));
    let before = stored(&host);
    let mut came_out = match read::<Json>(folder, "response.json") {
        Some(response) => {
            let response = read_response(&response, folder);
            let receipt =
                exports.receipt.unwrap_or_else(|| panic!("{}: there is no receipt", folder.display()));
            let judged = host.run(|| receipt(&delivery, &response));
            write_judgement(&judged.unwrap_or_else(|failure| failure.as_judgement()))
        }
        None => {
            let request = read::<Json>(folder, "request.json");
            let request = request.map_or_else(default_request, |request| read_request(request, folder));
            host.run(|| link(exports, &delivery, &request))
        }
    };
    let after = stored(&host);
    if after != before {
        came_out["kv"] = json!(after);
    }
    came_out
}

/// A link as the engine runs it: the filter, then the transform.
fn link(exports: &Exports, delivery: &Delivery, given: &Request) -> Json {
    if let Some(filter) = exports.filter {
        match filter(delivery) {
            Ok(Decision::Pass) => {}
            Ok(Decision::Skip(reason)) => return json!({ "skip": reason }),
            Err(failure) => return write_failure(&failure),
        }
    }
    let mut request = given.clone();
    match exports.transform.map_or(Ok(Verdict::Send), |transform| transform(delivery, &mut request)) {
        Ok(Verdict::Send) if request == *given => json!({ "send": "unchanged" }),
        Ok(Verdict::Send) => json!({ "send": write_request(&request) }),
        Ok(Verdict::Skip(reason)) => json!({ "skip": reason }),
        Ok(Verdict::Defer { until_ms }) => json!({ "defer": write_time(until_ms) }),
        Err(failure) => write_failure(&failure),
    }
}

/// `delivery.json`: what is told about the delivery; everything may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct About {
    id: Option<String>,
    webhook: Option<String>,
    trigger: Option<String>,
    occurred_at: Option<String>,
    now: Option<String>,
    resend: bool,
    sample: bool,
}

/// The time of a fixture that states none: 2026-03-02T10:00:00Z.
const NOW_MS: u64 = 1_772_445_600_000;

impl About {
    fn now_ms(&self) -> u64 {
        self.now.as_deref().map_or(NOW_MS, read_time)
    }

    fn delivery(&self, lead: Lead) -> Delivery {
        let usual = Delivery::of(lead);
        Delivery {
            id: self.id.clone().unwrap_or(usual.id),
            webhook: self.webhook.clone().unwrap_or(usual.webhook),
            trigger: self.trigger.clone().unwrap_or(usual.trigger),
            occurred_at_ms: self.occurred_at.as_deref().map_or(self.now_ms(), read_time),
            resend: self.resend,
            sample: self.sample,
            ..usual
        }
    }
}

fn host(folder: &Path, about: &About) -> Host {
    let mut host = Host::new().now_ms(about.now_ms());
    if let Some(config) = read(folder, "config.json") {
        host = host.config(config);
    }
    for (name, value) in read::<BTreeMap<String, String>>(folder, "secrets.json").unwrap_or_default() {
        host = host.secret(&name, &value);
    }
    for (key, value) in read::<BTreeMap<String, String>>(folder, "kv.json").unwrap_or_default() {
        host = host.kv(&key, value.as_bytes());
    }
    host
}

fn stored(host: &Host) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    host.stored().into_iter().map(|(key, value)| (key.to_owned(), text(value))).collect()
}

/// A file of a fixture, unless there is none.
fn read<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Option<T> {
    let path = folder.join(name);
    let text = fs::read(&path).ok()?;
    Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn default_request() -> Request {
    Request::post("https://handler.example/hook", [("", ""); 0])
}

/// `request.json`, and what `send` of `expected.json` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: WrittenBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBody {
    form: Option<Vec<(String, String)>>,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
    content_type: Option<String>,
}

fn read_request(request: Json, folder: &Path) -> Request {
    let written: Written = serde_json::from_value(request)
        .unwrap_or_else(|error| panic!("{}: a request: {error}", folder.display()));
    let method = match written.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => panic!("{}: there is no method {other}", folder.display()),
    };
    let body = match written.body.form {
        Some(form) => Body::Form(Form(form)),
        None => {
            let (usual, bytes) = bytes(&written.body, folder);
            Body::Raw { content_type: written.body.content_type.unwrap_or_else(|| usual.to_owned()), bytes }
        }
    };
    Request { method, url: written.url, headers: written.headers, body }
}

fn bytes(body: &WrittenBody, folder: &Path) -> (&'static str, Vec<u8>) {
    match (&body.json, &body.text, &body.base64) {
        (Some(json), None, None) => (JSON_TYPE, json.to_string().into_bytes()),
        (None, Some(text), None) => ("text/plain", text.clone().into_bytes()),
        (None, None, Some(base64)) => {
            ("application/octet-stream", BASE64.decode(base64).expect("`base64` holds base64"))
        }
        _ => panic!("{}: a body is one of `form`, `json`, `text` and `base64`", folder.display()),
    }
}

const JSON_TYPE: &str = "application/json";

fn write_request(request: &Request) -> Json {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let body = match &request.body {
        Body::Form(Form(form)) => json!({ "form": form }),
        Body::Raw { content_type, bytes } => write_bytes(content_type, bytes),
    };
    json!({ "method": method, "url": request.url, "headers": request.headers, "body": body })
}

fn write_bytes(content_type: &str, bytes: &[u8]) -> Json {
    if let Some(json) =
        content_type.contains("json").then(|| serde_json::from_slice::<Json>(bytes).ok()).flatten()
    {
        return if content_type == JSON_TYPE {
            json!({ "json": json })
        } else {
            json!({ "content_type": content_type, "json": json })
        };
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "content_type": content_type, "text": text }),
        Err(_) => json!({ "content_type": content_type, "base64": BASE64.encode(bytes) }),
    }
}

/// `response.json`: `status`, and where they matter `headers` and a body as `json` or `text`.
fn read_response(written: &Json, folder: &Path) -> Response {
    let status = written["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let headers: Vec<(String, String)> = written
        .get("headers")
        .map_or_else(Vec::new, |headers| serde_json::from_value(headers.clone()).expect("pairs"));
    let body = match (written.get("json"), written.get("text").and_then(Json::as_str)) {
        (Some(json), _) => json.to_string(),
        (None, text) => text.unwrap_or_default().to_owned(),
    };
    Response {
        status: status.unwrap_or_else(|| panic!("{}: response.json has no status", folder.display())),
        headers,
        body: body.into_bytes(),
        elapsed_ms: 1,
    }
}

fn write_judgement(judgement: &Judgement) -> Json {
    match judgement {
        Judgement::Delivered => json!({ "judgement": "delivered" }),
        Judgement::Retry { after_seconds: None } => json!({ "judgement": "retry" }),
        Judgement::Retry { after_seconds } => json!({ "judgement": "retry", "after_seconds": after_seconds }),
        Judgement::Refused(reason) => json!({ "judgement": "refused", "reason": reason }),
    }
}

fn write_failure(failure: &Failure) -> Json {
    json!({ "fail": { "code": failure.code, "message": failure.detail, "retryable": failure.is_retryable } })
}

fn read_time(text: &str) -> u64 {
    let time = DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("`{text}`: {error}"));
    u64::try_from(time.timestamp_millis()).expect("a fixture is after 1970")
}

fn write_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis);
    time.map_or_else(|| ms.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
