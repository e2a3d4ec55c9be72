//! Leads in a chat of Telegram, by the method `sendMessage` of a bot.

mod answer;
mod text;

use leadhook_plugin::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

leadhook_plugin::export! { transform: send_text, receipt: answer::judge }

/// The address of the Bot API.
const API: &str = "https://api.telegram.org";

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The chat: its number, or `@name` of a channel.
    chat_id: ChatId,
    /// A template.
    text: String,
    /// How the template is marked up.
    #[serde(default)]
    markup: Markup,
    /// The secret with the bot's token.
    #[serde(default = "default_secret")]
    token_secret: String,
    /// The topic of a group that has topics.
    message_thread_id: Option<i64>,
    /// Whether it makes no sound.
    #[serde(default)]
    silent: bool,
    /// Where a Bot API server of one's own is.
    api: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum ChatId {
    Number(i64),
    Name(String),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Markup {
    /// None: what looks like markup is sent as it is.
    #[default]
    None,
    /// The tags that Telegram knows. Values are escaped.
    Html,
}

fn default_secret() -> String {
    "telegram".to_owned()
}

impl ChatId {
    fn json(&self) -> Json {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Name(name) => name.as_str().into(),
        }
    }

    /// The key under which it is known where a group went that was upgraded.
    fn key(&self) -> String {
        ["chat:", &self.json().to_string()].concat()
    }
}

fn send_text(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let text = text::filled(&settings, &delivery.lead)?;
    if text.trim().is_empty() {
        return Ok(Verdict::Skip("the text is empty".to_owned()));
    }
    let token = secret(&settings.token_secret)?;
    let chat =
        kv::get_json::<i64>(&settings.chat_id.key())?.map_or_else(|| settings.chat_id.json(), Json::from);
    let mut body = Map::new();
    let mut set = |name: &str, value: Json| _ = body.insert(name.to_owned(), value);
    set("chat_id", chat);
    set("text", text.into());
    if settings.markup == Markup::Html {
        set("parse_mode", "HTML".into());
    }
    if let Some(thread) = settings.message_thread_id {
        set("message_thread_id", thread.into());
    }
    if settings.silent {
        set("disable_notification", true.into());
    }
    let api = settings.api.as_deref().unwrap_or(API).trim_end_matches('/');
    request.url = [api, "/bot", &token, "/sendMessage"].concat();
    request.set_json(&body)?;
    Ok(Verdict::Send)
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_that_was_upgraded_is_written_to_where_it_went() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let delivery = Delivery::of(lead);
        let mut host = Host::new().config(json!({"chat_id": -100, "text": "x"})).secret("telegram", "1:a");
        let body = br#"{"ok": false, "error_code": 400, "description": "Bad Request: upgraded",
            "parameters": {"migrate_to_chat_id": -1001234567890123}}"#;
        let response = Response { status: 400, headers: Vec::new(), body: body.to_vec(), elapsed_ms: 1 };
        let judgement = host.run(|| answer::judge(&delivery, &response)).unwrap();
        assert!(matches!(judgement, Judgement::Refused(reason) if reason.contains("-1001234567890123")));
        let mut request = Request::post("https://x.example/", [("id", "1")]);
        host.run(|| send_text(&delivery, &mut request)).unwrap();
        assert_eq!(request.url, "https://api.telegram.org/bot1:a/sendMessage");
        let Body::Raw { bytes, .. } = request.body else { panic!("it is a form still") };
        let expected = json!({"chat_id": -1_001_234_567_890_123_i64, "text": "x"});
        assert_eq!(serde_json::from_slice::<Json>(&bytes).unwrap(), expected);
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
