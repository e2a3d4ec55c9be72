//! What an answer of the Bot API means.

use leadhook_plugin::prelude::*;
use serde::Deserialize;

use crate::Settings;

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error_code: Option<u16>,
    description: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// Seconds to wait when too much was sent.
    retry_after: Option<u32>,
    /// Where a group went that was upgraded to a supergroup.
    migrate_to_chat_id: Option<i64>,
}

pub(crate) fn judge(_delivery: &Delivery, response: &Response) -> Result<Judgement, Failure> {
    let Ok(answer) = response.json::<Answer>() else {
        // Not the API: a gateway before it. Under a success too nothing was sent.
        return Ok(match response.judge_by_status() {
            Judgement::Delivered => Judgement::Retry { after_seconds: None },
            judgement => judgement,
        });
    };
    if answer.ok {
        return Ok(Judgement::Delivered);
    }
    let description = answer.description.unwrap_or_default();
    if let Some(chat) = answer.parameters.migrate_to_chat_id {
        let settings: Settings = config()?;
        kv::set_json(&settings.chat_id.key(), &chat, None)?;
        return Ok(Judgement::Refused(format!("{description}; from now on it goes to the chat {chat}")));
    }
    let after_seconds = answer.parameters.retry_after;
    Ok(match answer.error_code.unwrap_or(response.status) {
        429 | 500.. => Judgement::Retry { after_seconds },
        _ if after_seconds.is_some() => Judgement::Retry { after_seconds },
        _ => Judgement::Refused(description),
    })
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_means_what_its_body_says() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let retry = |after_seconds| Judgement::Retry { after_seconds };
        let refused = |reason: &str| Judgement::Refused(reason.to_owned());
        for (status, body, expected) in [
            (200, r#"{"ok":true,"result":{"message_id":1}}"#, Judgement::Delivered),
            (
                429,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":35}}"#,
                retry(Some(35)),
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"chat not found"}"#,
                refused("chat not found"),
            ),
            (
                403,
                r#"{"ok":false,"error_code":403,"description":"bot was blocked"}"#,
                refused("bot was blocked"),
            ),
            (500, r#"{"ok":false,"error_code":500,"description":"Internal"}"#, retry(None)),
            (502, "<html>", retry(None)),
            (200, "", retry(None)),
        ] {
            let response = Response { status, headers: Vec::new(), body: body.into(), elapsed_ms: 1 };
            let delivery = Delivery::of(lead.clone());
            let judged = Host::new().run(|| judge(&delivery, &response)).unwrap();
            assert_eq!(judged, expected, "{status} {body}");
        }
    }
}
