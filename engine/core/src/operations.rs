//! An operations webhook: where an account's notifications are sent besides being told by the API.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    delivery::{Method, Request},
    fault::Faults,
    notification::{Notification, NotificationKind},
    outcome::Outcome,
    read::Reader,
    settings::{Known, choice, each, endpoint, or},
    time::{Serial, Timestamp},
    webhook::{RETRY_AFTER_SECONDS_DEFAULT, SigningSecret},
};

/// "410 Gone": the receiver asks never to be called again.
const GONE: u16 = 410;

/// Where an account's notifications are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationsWebhook {
    /// The absolute URL.
    pub url: String,
    /// What signs, as with deliveries.
    pub secret: SigningSecret,
    /// Which kinds are sent, at least one; `None`: all, also those that there will be.
    pub kinds: Option<BTreeSet<NotificationKind>>,
}

impl OperationsWebhook {
    /// Reads `{url, secret, kinds}`; `kinds` left out: all. Refused, with every fault at once: a URL that
    /// [`Settings::parse`](crate::webhook::Settings::parse) would refuse, a secret that is not one, kinds that there are
    /// not or none at all, and fields that do not exist.
    pub fn parse(value: &Value, known: &Known<'_>) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let read = read(value, Some(known), &mut reader);
        reader.finish(read)
    }

    /// Reads what was saved before; which addresses may be sent to is found out in sending.
    pub fn restore(value: &Value) -> Result<Self, Faults> {
        let mut reader = Reader::default();
        let read = read(value, None, &mut reader);
        reader.finish(read)
    }

    /// What [`OperationsWebhook::restore`] reads; it holds the secret.
    pub fn to_json(&self) -> Value {
        json!({ "url": self.url, "secret": self.secret.to_text(), "kinds": self.kinds })
    }

    /// Whether it is sent notifications of this kind.
    pub fn takes(&self, kind: NotificationKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// The request that sends a notification: its kind, its time and what is told of it, as Standard Webhooks 1.0 shapes a
    /// payload.
    pub fn request(&self, notification: &Notification) -> Request {
        let news = &notification.news;
        let mut told = json!({
            "id": notification.id(),
            "webhook": news.webhook().to_string(),
            "detail": news.detail(),
        });
        if let (Some(plugin), Some(told)) = (news.plugin(), told.as_object_mut()) {
            told.insert("plugin".to_owned(), json!(plugin));
        }
        let body = json!({
            "type": news.kind().word(),
            "timestamp": notification.at.to_rfc3339(),
            "data": told,
        });
        Request {
            method: Method::Post,
            url: self.url.clone(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }
}

fn read(value: &Value, known: Option<&Known<'_>>, reader: &mut Reader) -> Option<OperationsWebhook> {
    let mut fields = reader.object(value, "")?;
    let url = fields.required(reader, "url").and_then(|value| endpoint::url(value, known, reader));
    let secret =
        fields.required(reader, "secret").and_then(|value| endpoint::secret(value, "secret", reader));
    let kinds = or(fields.get_non_null("kinds"), None, |value| kinds(value, reader).map(Some));
    fields.refuse_unknown(reader);
    Some(OperationsWebhook { url: url?.to_string(), secret: secret?, kinds: kinds? })
}

fn kinds(value: &Value, reader: &mut Reader) -> Option<BTreeSet<NotificationKind>> {
    let all = NotificationKind::ALL;
    let kinds =
        each(value, "kinds", all.len(), reader, |item, path, reader| choice(item, path, all, reader))?;
    if kinds.is_empty() {
        return reader.fault("kinds", "empty", "name at least one kind, or leave `kinds` out for all");
    }
    Some(kinds.into_iter().collect())
}

/// How far an account's notifications were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// All up to this one were sent, or are not to be.
    pub after: Serial,
    /// How often the next one failed so far.
    pub failures: u32,
    /// When the next attempt may be made.
    pub due: Timestamp,
    /// What the last failure was, in words; `None` once something was sent after it.
    pub last_failure: Option<String>,
    /// Whether sending has stopped: the receiver answered 410.
    pub stopped: bool,
}

impl Place {
    /// The place at which sending begins: nothing that was noted before is sent.
    pub fn beginning(after: Serial, now: Timestamp) -> Self {
        Self { after, failures: 0, due: now, last_failure: None, stopped: false }
    }

    /// The place from which sending goes on after the webhook was set anew.
    #[must_use]
    pub fn set_anew(&self, now: Timestamp) -> Self {
        Self { failures: 0, due: now, stopped: false, ..self.clone() }
    }

    /// The place after an attempt to send the notification of this serial. Any 2xx is success. A failure is tried again
    /// after the waits of [`RETRY_AFTER_SECONDS_DEFAULT`]; after the last of them the notification is passed over, since
    /// those behind it may matter more; it is told by the API all the same. After a 410 nothing more is sent.
    #[must_use]
    pub fn after(&self, serial: Serial, outcome: &Outcome, now: Timestamp) -> Self {
        let passed = Self::beginning(serial, now);
        let status = match outcome {
            Outcome::Answered(answer) => Some(answer.status),
            Outcome::Broken { .. } | Outcome::Withheld { .. } => None,
        };
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return passed;
        }
        let last_failure = Some(outcome.summary());
        if status == Some(GONE) {
            return Self { last_failure, stopped: true, ..self.clone() };
        }
        let wait = usize::try_from(self.failures)
            .ok()
            .and_then(|failures| RETRY_AFTER_SECONDS_DEFAULT.get(failures));
        match wait {
            Some(seconds) => Self {
                failures: self.failures + 1,
                due: now.plus_ms(i64::from(*seconds) * 1_000),
                last_failure,
                ..self.clone()
            },
            None => Self { last_failure, ..passed },
        }
    }

    /// The place after notifications up to this serial that are not to be sent.
    #[must_use]
    pub fn passing(&self, serial: Serial) -> Self {
        Self { after: serial, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
