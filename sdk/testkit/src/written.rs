//! Requests and answers as fixtures write them down.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use leadhook_sandbox::{Body, Draft, Pair, Raw, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `request.json`, and what `send` of `expected.json` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequest {
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

/// `response.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResponse {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    json: Option<Json>,
    text: Option<String>,
    #[serde(default = "one")]
    elapsed_ms: u32,
}

fn one() -> u32 {
    1
}

const JSON_TYPE: &str = "application/json";

/// Reads a request: `method`, `url`, `headers`, and a `body` of `form`, `json`, `text` or `base64`.
///
/// # Errors
/// What is wrong, in words.
pub fn read_request(request: &Json) -> Result<Draft, String> {
    let written: WrittenRequest =
        serde_json::from_value(request.clone()).map_err(|error| error.to_string())?;
    if !["GET", "POST"].contains(&written.method.as_str()) {
        return Err(format!("the method `{}`; a request is a GET or a POST", written.method));
    }
    Ok(Draft {
        method: written.method,
        url: written.url,
        headers: pairs(written.headers),
        body: read_body(written.body)?,
    })
}

fn read_body(body: WrittenBody) -> Result<Body, String> {
    let (usual, bytes) = match (body.form, body.json, body.text, body.base64) {
        (Some(form), None, None, None) if body.content_type.is_none() => return Ok(Body::Form(pairs(form))),
        (None, Some(json), None, None) => (JSON_TYPE, json.to_string().into_bytes()),
        (None, None, Some(text), None) => ("text/plain", text.into_bytes()),
        (None, None, None, Some(base64)) => {
            let bytes = BASE64.decode(base64).map_err(|error| format!("`base64`: {error}"))?;
            ("application/octet-stream", bytes)
        }
        (Some(_), None, None, None) => return Err("a form has its own content type".to_owned()),
        _ => return Err("a body is one of `form`, `json`, `text` and `base64`".to_owned()),
    };
    let content_type = body.content_type.unwrap_or_else(|| usual.to_owned());
    Ok(Body::Raw(Raw { content_type, bytes }))
}

/// Writes a request as [`read_request`] reads it.
pub fn write_request(request: &Draft) -> Json {
    let pairs = |pairs: &[Pair]| pairs.iter().map(|pair| json!([pair.name, pair.value])).collect::<Vec<_>>();
    let body = match &request.body {
        Body::Form(form) => json!({ "form": pairs(form) }),
        Body::Raw(raw) => write_bytes(&raw.content_type, &raw.bytes),
    };
    json!({ "method": request.method, "url": request.url, "headers": pairs(&request.headers), "body": body })
}

fn write_bytes(content_type: &str, bytes: &[u8]) -> Json {
    if let Some(json) =
        content_type.contains("json").then(|| serde_json::from_slice::<Json>(bytes).ok()).flatten()
    {
        return match content_type {
            JSON_TYPE => json!({ "json": json }),
            other => json!({ "content_type": other, "json": json }),
        };
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "content_type": content_type, "text": text }),
        Err(_) => json!({ "content_type": content_type, "base64": BASE64.encode(bytes) }),
    }
}

/// Reads an answer: `status`, and where they matter `headers`, a body as `json` or `text`, and `elapsed_ms`.
///
/// # Errors
/// What is wrong, in words.
pub fn read_response(response: &Json) -> Result<Response, String> {
    let written: WrittenResponse =
        serde_json::from_value(response.clone()).map_err(|error| error.to_string())?;
    let body = match (written.json, written.text) {
        (Some(_), Some(_)) => return Err("a body is `json` or `text`, not both".to_owned()),
        (Some(json), None) => json.to_string(),
        (None, text) => text.unwrap_or_default(),
    };
    Ok(Response {
        status: written.status,
        headers: pairs(written.headers),
        body: body.into_bytes(),
        elapsed_ms: written.elapsed_ms,
    })
}

fn pairs(pairs: Vec<(String, String)>) -> Vec<Pair> {
    pairs.into_iter().map(|(name, value)| Pair::new(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(body: &Json) -> Result<Json, String> {
        let request = json!({ "method": "POST", "url": "https://crm.example/", "body": body });
        read_request(&request).map(|request| write_request(&request)["body"].clone())
    }

    #[test]
    fn a_request_is_written_as_it_is_read() {
        for same in [
            json!({ "form": [["a", "1"], ["a", "2"]] }),
            json!({ "json": { "b": [1, null] } }),
            json!({ "content_type": "application/cloudevents+json", "json": {} }),
            json!({ "content_type": "text/csv", "text": "a,b" }),
            json!({ "content_type": "image/png", "base64": "//4=" }),
        ] {
            assert_eq!(body(&same), Ok(same));
        }
        assert_eq!(
            body(&json!({ "text": "x" })),
            Ok(json!({ "content_type": "text/plain", "text": "x" })),
            "the usual type is added"
        );
    }

    #[test]
    fn what_is_no_request_is_told_in_words() {
        for (bad, word) in [
            (json!({}), "one of"),
            (json!({ "json": 1, "text": "1" }), "one of"),
            (json!({ "form": [], "content_type": "text/plain" }), "own content type"),
            (json!({ "base64": "?" }), "base64"),
            (json!({ "forms": [] }), "forms"),
        ] {
            assert!(body(&bad).unwrap_err().contains(word), "{bad}");
        }
        let put = json!({ "method": "PUT", "url": "https://crm.example/", "body": { "form": [] } });
        assert!(read_request(&put).unwrap_err().contains("`PUT`"));
    }

    #[test]
    fn an_answer_needs_its_status_only() {
        let answer = read_response(&json!({ "status": 204 })).unwrap();
        assert_eq!((answer.status, answer.body.len(), answer.elapsed_ms), (204, 0, 1));
        assert_eq!(read_response(&json!({ "status": 200, "json": { "a": 1 } })).unwrap().body, b"{\"a\":1}");
        assert!(read_response(&json!({ "status": 200, "body": "x" })).unwrap_err().contains("`body`"));
        assert!(read_response(&json!({})).unwrap_err().contains("status"));
    }
}
