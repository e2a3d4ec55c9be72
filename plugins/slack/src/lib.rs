//! Leads in a channel of Slack, by an incoming webhook.

use leadhook_plugin::{prelude::*, template};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

leadhook_plugin::export! { transform: post_text, receipt: judge }

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A template in Slack's markup. With `blocks` it is what notifications show.
    text: String,
    /// Blocks whose texts are templates.
    blocks: Option<Vec<Json>>,
    /// The secret with the incoming webhook's address; without it the webhook's URL is that address.
    url_secret: Option<String>,
}

fn post_text(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    let mut body = Map::new();
    let text = fill(&settings.text, lead)?;
    if text.trim().is_empty() && settings.blocks.is_none() {
        return Ok(Verdict::Skip("the text is empty".to_owned()));
    }
    body.insert("text".to_owned(), text.into());
    if let Some(blocks) = &settings.blocks {
        let blocks: Result<Vec<_>, _> = blocks.iter().map(|block| fill_block(block, lead)).collect();
        body.insert("blocks".to_owned(), Json::Array(blocks?));
    }
    if let Some(name) = &settings.url_secret {
        request.url = secret(name)?;
    }
    request.set_json(&body)?;
    Ok(Verdict::Send)
}

fn fill(text: &str, lead: &Lead) -> Result<String, Failure> {
    template::fill_escaped(text, lead, |value| escaped(value).into())
}

/// Every text below a block; names of fields and kinds have no braces, so they stay.
fn fill_block(value: &Json, lead: &Lead) -> Result<Json, Failure> {
    Ok(match value {
        Json::String(text) => Json::String(fill(text, lead)?),
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| fill_block(item, lead)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), fill_block(value, lead)?)));
            Json::Object(filled.collect::<Result<_, Failure>>()?)
        }
        other => other.clone(),
    })
}

/// The three characters that Slack's markup takes for its own.
fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn judge(_delivery: &Delivery, response: &Response) -> Result<Judgement, Failure> {
    Ok(match response.judge_by_status() {
        // The body is a word such as `channel_is_archived`.
        Judgement::Refused(reason) => {
            let word: String = response.text().trim().chars().take(WORD_CHARACTERS_MAX).collect();
            Judgement::Refused(if word.is_empty() { reason } else { [reason.as_str(), ": ", &word].concat() })
        }
        judgement => judgement,
    })
}

/// The most characters of an answer that are kept in a reason.
const WORD_CHARACTERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_status_and_tells_its_word() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let refused = |reason: &str| Judgement::Refused(reason.to_owned());
        for (status, body, expected) in [
            (200, "ok", Judgement::Delivered),
            (400, "invalid_payload", refused("the handler answered 400: invalid_payload")),
            (410, "channel_is_archived\n", refused("the handler answered 410: channel_is_archived")),
            (403, "", refused("the handler answered 403")),
            (429, "", Judgement::Retry { after_seconds: Some(30) }),
        ] {
            let headers = if status == 429 { vec![("retry-after".into(), "30".into())] } else { Vec::new() };
            let response = Response { status, headers, body: body.into(), elapsed_ms: 1 };
            assert_eq!(judge(&Delivery::of(lead.clone()), &response), Ok(expected));
        }
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
