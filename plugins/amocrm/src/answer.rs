//! What an answer of the API means.

use leadhook_plugin::prelude::*;
use serde::Deserialize;

use crate::{KNOWN_SECONDS, key};

/// The most characters of a detail that are kept in a reason.
const DETAIL_CHARACTERS_MAX: usize = 500;

/// A success of `leads/complex` is a list, one of `leads/unsorted/sip` an object with the list embedded.
#[derive(Deserialize)]
#[serde(untagged)]
enum Taken {
    Leads(Vec<Made>),
    Unsorted {
        #[serde(rename = "_embedded")]
        embedded: Embedded,
    },
}

#[derive(Deserialize)]
struct Embedded {
    unsorted: Vec<Incoming>,
}

#[derive(Deserialize)]
struct Made {
    #[serde(rename = "id")]
    _id: u64,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(rename = "uid")]
    _uid: String,
}

/// `application/problem+json`, where input is at fault with what is wrong with each entity.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    #[serde(rename = "validation-errors", default)]
    validation_errors: Vec<Invalid>,
}

#[derive(Deserialize)]
struct Invalid {
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    detail: String,
}

pub(crate) fn judge(delivery: &Delivery, response: &Response) -> Result<Judgement, Failure> {
    if !response.is_success() {
        return Ok(judge_refusal(response));
    }
    let is_taken = match response.json::<Taken>() {
        Ok(Taken::Leads(leads)) => !leads.is_empty(),
        Ok(Taken::Unsorted { embedded }) => !embedded.unsorted.is_empty(),
        Err(_) => false,
    };
    if !is_taken {
        // A page of a proxy, or of an account that is closed: the lead is not there.
        return Ok(Judgement::Retry { after_seconds: response.retry_after_seconds() });
    }
    if !delivery.sample {
        kv::set(&key(&delivery.lead), b"1", Some(KNOWN_SECONDS));
    }
    Ok(Judgement::Delivered)
}

/// By the status, with the API's own words where it is no good to try again.
fn judge_refusal(response: &Response) -> Judgement {
    match (response.judge_by_status(), response.json::<Problem>()) {
        (Judgement::Refused(by_status), Ok(problem)) => {
            let faults = problem.validation_errors.iter().flat_map(|invalid| &invalid.errors);
            let told: Vec<_> =
                faults.map(|Fault { code, path, detail }| format!("{path}: {code}, {detail}")).collect();
            let words = match told.is_empty() {
                true => problem.detail.unwrap_or_default(),
                false => told.join("; "),
            };
            let words: String = words.chars().take(DETAIL_CHARACTERS_MAX).collect();
            Judgement::Refused([&by_status, ": ", &words].concat())
        }
        (judgement, _) => judgement,
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
        Host::new().run(|| judge(&Delivery::of(lead), &response)).unwrap()
    }

    #[test]
    fn an_answer_means_what_status_and_body_say() {
        let retry = Judgement::Retry { after_seconds: None };
        let refused = |reason: &str| Judgement::Refused(reason.to_owned());
        let invalid = r#"{"validation-errors":[{"request_id":"0","errors":[{"code":"NotSupportedChoice",
            "path":"pipeline_id","detail":"The value is not valid."}]}],"status":400,"detail":"Request validation failed"}"#;
        let cases = [
            (200, r#"[{"id":1,"contact_id":2,"company_id":null,"merged":false}]"#, Judgement::Delivered),
            (200, r#"{"_embedded":{"unsorted":[{"uid":"a","account_id":1}]}}"#, Judgement::Delivered),
            (200, "[]", retry.clone()),
            (200, "<html>closed</html>", retry.clone()),
            (
                400,
                invalid,
                refused("the handler answered 400: pipeline_id: NotSupportedChoice, The value is not valid."),
            ),
            (
                401,
                r#"{"detail":"Unauthorized","status":401}"#,
                refused("the handler answered 401: Unauthorized"),
            ),
            (403, "blocked", refused("the handler answered 403")),
            (429, r#"{"detail":"Too many requests"}"#, retry.clone()),
            (504, "Gateway timeout", retry),
        ];
        for (status, body, expected) in cases {
            assert_eq!(judged(status, body), expected, "{status} {body}");
        }
    }
}
