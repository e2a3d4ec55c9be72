//! What an answer of the REST API means. It may be an error under the status 200.

use leadhook_plugin::prelude::*;
use serde::Deserialize;

use crate::{KNOWN_SECONDS, Made, Settings, key};

/// Errors that pass by themselves: limits, and failures of the server.
const PASSING: [&str; 5] = [
    "QUERY_LIMIT_EXCEEDED",
    "OPERATION_TIME_LIMIT",
    "OVERLOAD_LIMIT",
    "INTERNAL_SERVER_ERROR",
    "ERROR_UNEXPECTED_ANSWER",
];

/// The most characters of a description that are kept in a reason.
const DESCRIPTION_CHARACTERS_MAX: usize = 500;

#[derive(Deserialize)]
struct Answer {
    result: Option<Done>,
    error: Option<Code>,
    error_description: Option<String>,
    time: Option<Time>,
}

#[derive(Deserialize)]
struct Done {
    item: Option<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
}

/// A code is a word, or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Word(String),
    Number(i64),
}

#[derive(Deserialize)]
struct Time {
    operating_reset_at: Option<u64>,
}

pub(crate) fn judge(delivery: &Delivery, response: &Response) -> Result<Judgement, Failure> {
    let Ok(answer) = response.json::<Answer>() else {
        return Ok(judge_foreign(response));
    };
    if let Some(error) = &answer.error {
        return Ok(judge_error(error, &answer, response));
    }
    match answer.result.and_then(|result| result.item) {
        Some(item) if response.is_success() => {
            if !delivery.sample {
                let settings: Settings = config()?;
                let key = key(&settings, &delivery.lead);
                kv::set_json(&key, &Made { item: item.id }, Some(KNOWN_SECONDS))?;
            }
            Ok(Judgement::Delivered)
        }
        _ => Ok(judge_foreign(response)),
    }
}

fn judge_error(error: &Code, answer: &Answer, response: &Response) -> Judgement {
    let code = match error {
        Code::Word(word) => word.clone(),
        Code::Number(number) => number.to_string(),
    };
    if PASSING.contains(&code.as_str()) {
        let reset_at = answer.time.as_ref().and_then(|time| time.operating_reset_at);
        let until_reset = reset_at.and_then(|at| u32::try_from(at.saturating_sub(now_ms() / 1000)).ok());
        let after_seconds = response.retry_after_seconds().or(until_reset.filter(|wait| *wait > 0));
        return Judgement::Retry { after_seconds };
    }
    let description = answer.error_description.as_deref().unwrap_or_default();
    let description: String = description.chars().take(DESCRIPTION_CHARACTERS_MAX).collect();
    Judgement::Refused([code.as_str(), ": ", &description].concat())
}

/// An answer without an item and without an error is not the API's: a page of a proxy, or of a portal that is
/// closed. Under a success too the lead is not there, so it is tried again.
fn judge_foreign(response: &Response) -> Judgement {
    match response.judge_by_status() {
        Judgement::Delivered => Judgement::Retry { after_seconds: response.retry_after_seconds() },
        judgement => judgement,
    }
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    fn judged(status: u16, body: &str) -> Judgement {
        let lead = json!({"site": "60001", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let response =
            Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), elapsed_ms: 1 };
        Host::new().now_ms(1_778_747_000_000).run(|| judge(&Delivery::of(lead), &response)).unwrap()
    }

    #[test]
    fn an_answer_means_what_its_body_says() {
        let retry = |after_seconds| Judgement::Retry { after_seconds };
        let refused = |reason: &str| Judgement::Refused(reason.to_owned());
        let cases = [
            (200, r#"{"result":{"item":{"id":342}},"time":{"operating":0}}"#, Judgement::Delivered),
            (200, r#"{"error":"NOT_FOUND","error_description":"No type"}"#, refused("NOT_FOUND: No type")),
            (
                400,
                r#"{"error":100,"error_description":"Expected iterable"}"#,
                refused("100: Expected iterable"),
            ),
            (503, r#"{"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"}"#, retry(None)),
            (200, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#, retry(None)),
            (
                429,
                r#"{"error":"OPERATION_TIME_LIMIT","time":{"operating_reset_at":1778747060}}"#,
                retry(Some(60)),
            ),
            (429, r#"{"error":"OPERATION_TIME_LIMIT","time":{"operating_reset_at":1}}"#, retry(None)),
            (500, r#"{"error":"INTERNAL_SERVER_ERROR"}"#, retry(None)),
            (401, r#"{"error":"expired_token"}"#, refused("expired_token: ")),
            (200, "<html>closed for maintenance</html>", retry(None)),
            (200, r#"{"result":true}"#, retry(None)),
            (502, "Bad gateway", retry(None)),
            (404, "nothing", refused("the handler answered 404")),
        ];
        for (status, body, expected) in cases {
            assert_eq!(judged(status, body), expected, "{status} {body}");
        }
    }
}
