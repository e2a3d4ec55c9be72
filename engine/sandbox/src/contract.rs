//! Checks what a plugin returned as any input from outside is checked, and names the field and the remedy.

use http::{HeaderName, HeaderValue};
use leadhook_core::delivery::is_header_of_engine;
use url::Url;

use crate::{
    exchange::{Body, Draft, Judgement, OwnFailure, Pair, SaidJudgement},
    limits::{HEADERS_MAX, REASON_BYTES_MAX},
    record::{Kind, cut},
};

/// What is wrong with a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The plugin's own code, and whether trying again may help.
    pub(crate) own: Option<(String, bool)>,
}

impl Wrong {
    fn contract(detail: String) -> Self {
        Self { kind: Kind::Contract, detail, own: None }
    }
}

impl From<OwnFailure> for Wrong {
    fn from(failure: OwnFailure) -> Self {
        let code = cut(&failure.code, 100).to_owned();
        Self { kind: Kind::Failed, detail: reason(&failure.detail), own: Some((code, failure.retryable)) }
    }
}

/// A reason as it is kept: its first bytes.
pub(crate) fn reason(text: &str) -> String {
    cut(text, REASON_BYTES_MAX).to_owned()
}

/// A judgement, its reason cut to size.
pub(crate) fn judgement(said: SaidJudgement) -> Judgement {
    match said {
        SaidJudgement::Delivered => Judgement::Delivered,
        SaidJudgement::RetryAfter(seconds) => Judgement::RetryAfter(seconds),
        SaidJudgement::Refused(text) => Judgement::Refused(reason(&text)),
    }
}

/// A request that may go on; header names come back in lower case.
pub(crate) fn draft(mut draft: Draft, bytes_max: u64) -> Result<Draft, Wrong> {
    let bytes = draft_bytes(&draft);
    if bytes > bytes_max {
        let detail = format!("request: {bytes} bytes; at most {bytes_max} are allowed");
        return Err(Wrong { kind: Kind::Output, detail, own: None });
    }
    if draft.method != "GET" && draft.method != "POST" {
        let method = cut(&draft.method, 40);
        return Err(Wrong::contract(format!("request.method: {method:?}; return GET or POST")));
    }
    check_url(&draft.url).map_err(|what| Wrong::contract(format!("request.url: {what}")))?;
    if draft.headers.len() > HEADERS_MAX {
        let count = draft.headers.len();
        let detail = format!("request.headers: {count} headers; at most {HEADERS_MAX} are allowed");
        return Err(Wrong::contract(detail));
    }
    for (at, header) in draft.headers.iter_mut().enumerate() {
        header.name.make_ascii_lowercase();
        check_header(header).map_err(|what| Wrong::contract(format!("request.headers[{at}]: {what}")))?;
    }
    if let Body::Raw(raw) = &draft.body {
        check_content_type(&raw.content_type).map_err(|what| {
            Wrong::contract(format!("request.body.content-type: {what}; return one like application/json"))
        })?;
        if draft.method == "GET" && !raw.bytes.is_empty() {
            let detail = "request.body: a GET carries no bytes; return a form, or the method POST";
            return Err(Wrong::contract(detail.to_owned()));
        }
    }
    Ok(draft)
}

/// The size of a request as limits count it.
pub(crate) fn draft_bytes(draft: &Draft) -> u64 {
    let body = match &draft.body {
        Body::Form(pairs) => pairs_bytes(pairs),
        Body::Raw(raw) => raw.content_type.len() as u64 + raw.bytes.len() as u64,
    };
    draft.method.len() as u64 + draft.url.len() as u64 + pairs_bytes(&draft.headers) + body
}

/// The size of fields or headers as limits count it.
pub(crate) fn pairs_bytes(pairs: &[Pair]) -> u64 {
    pairs.iter().map(|pair| (pair.name.len() + pair.value.len()) as u64).sum()
}

fn check_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; return an absolute http or https URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme {:?}; return an http or https URL", cut(url.scheme(), 40)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password; put them into a header".to_owned());
    }
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err("it holds a control character; percent-encode it".to_owned());
    }
    Ok(())
}

fn check_header(header: &Pair) -> Result<(), String> {
    let name = cut(&header.name, 80);
    HeaderName::from_bytes(header.name.as_bytes())
        .map_err(|_| format!("{name:?} cannot be the name of a header; use letters, digits and hyphens"))?;
    if header.name == "content-type" {
        return Err("content-type follows from the body; return a raw body, which says what it is".to_owned());
    }
    if is_header_of_engine(&header.name) {
        return Err(format!("{name} is set by the engine alone; leave it out"));
    }
    check_value(&header.value).map_err(|what| format!("the value of {name}: {what}"))
}

fn check_content_type(value: &str) -> Result<(), String> {
    let (kind, rest) = value.split_once('/').ok_or("it is no media type")?;
    let token = |text: &str| HeaderName::from_bytes(text.as_bytes()).is_ok();
    let subtype = rest.split(';').next().unwrap_or_default().trim_end();
    if !token(kind) || !token(subtype) {
        return Err("it is no media type".to_owned());
    }
    check_value(value)
}

fn check_value(value: &str) -> Result<(), String> {
    match HeaderValue::from_bytes(value.as_bytes()) {
        Ok(_) => Ok(()),
        Err(_) => Err("it holds CR, LF, NUL or another control character; remove it".to_owned()),
    }
}

#[cfg(test)]
mod tests;
