//! A delivery in words: why it did or did not arrive, each attempt, what was sent, and what plugins logged.

use serde_json::Value;

use super::{lead, style};
use crate::cli::{
    access::{fields, local_time, text, texts},
    plugin::remote::tell_run,
    received::{entries, lines},
    table::{Cell, Table},
    terminal::{Style, Terminal, count, shorten, tame},
};

/// The most characters that are shown of a body that is no form.
const BODY_CHARACTERS_MAX: usize = 2_000;
/// The most characters that a row shows of an answer.
const ANSWER_CHARACTERS_MAX: usize = 200;

/// Prints it.
pub(super) fn tell(delivery: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    let state = terminal.paint(style(delivery), text(delivery, "state"));
    terminal.line(format!("{}  {state}", text(delivery, "id")))?;
    terminal.line(why(delivery))?;
    terminal.gap()?;
    let happened = format!("{} at {}", text(delivery, "trigger"), local_time(delivery, "occurred_at"));
    let pairs = [
        ("lead", lead(&delivery["lead"])),
        ("webhook", text(delivery, "webhook")),
        ("what happened", happened),
        ("owed since", local_time(delivery, "created_at")),
        ("ended", local_time(delivery, "ended_at")),
        ("sends again", text(delivery, "resend_of")),
        ("sent again by", texts(delivery, "resends")),
    ];
    fields(&pairs, terminal)?;
    tell_attempts(delivery, terminal)?;
    tell_request(delivery, terminal)?;
    let runs = delivery["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !runs.is_empty() {
        heading("Plugins", terminal)?;
        runs.iter().try_for_each(|run| tell_run(run, terminal))?;
    }
    Ok(())
}

/// Why it stands as it does, and what to do about it, in a sentence or two.
fn why(delivery: &Value) -> String {
    let attempts = usize::try_from(delivery["attempt_count"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    let tried = match attempts {
        0 => "before any attempt".to_owned(),
        attempts => format!("after {}", count(attempts, "attempt")),
    };
    let id = text(delivery, "id");
    let (due, ended) = (local_time(delivery, "due"), local_time(delivery, "ended_at"));
    let (reason, last) = (text(delivery, "reason"), text(delivery, "last_outcome"));
    match delivery["state"].as_str() {
        Some("scheduled") => format!(
            "It waits, and may go out at {due}, once those before it of the same lead and webhook have ended."
        ),
        Some("sending") => "It is being sent at this moment.".to_owned(),
        Some("retrying") => {
            format!("It did not arrive yet: {last}, {tried}. The next attempt is at {due}.")
        }
        Some("delivered") if attempts == 0 => {
            format!("It was delivered at {ended} by one that sends it again.")
        }
        Some("delivered") => format!("It arrived at {ended}, {tried}: {last}."),
        Some("skipped") => format!("It was held back, {tried}: {reason}."),
        Some("failed") => format!(
            "It did not arrive, and is not tried any more, {tried}: {}. `leadhook delivery send {id}` sends it again.",
            if reason.is_empty() { last } else { reason }
        ),
        Some("cancelled") => format!("It was cancelled at {ended}, {tried}: {reason}."),
        _ => reason,
    }
}

fn tell_attempts(delivery: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if attempts.is_empty() {
        return Ok(());
    }
    heading("Attempts", terminal)?;
    let mut table = Table::new(&["attempt", "began", "took", "what came back"]);
    for attempt in attempts {
        let (style, came) = answer(attempt);
        table.row([
            attempt["number"].to_string().into(),
            local_time(attempt, "started_at").into(),
            format!("{} ms", attempt["elapsed_ms"]).into(),
            Cell::styled(style, &came),
        ]);
    }
    table.print(terminal)
}

/// What came back from an attempt, and how it stands out.
fn answer(attempt: &Value) -> (Style, String) {
    if let Some(detail) = attempt["broken"]["detail"].as_str() {
        return (Style::Red, detail.to_owned());
    }
    let response = &attempt["response"];
    let style = match response["status"].as_u64() {
        Some(200..=299) => Style::Green,
        _ => Style::Yellow,
    };
    let body = response["body"].as_str().unwrap_or_default().trim();
    let body = match body.is_empty() {
        true => String::new(),
        false => format!(": {}", shorten(body, ANSWER_CHARACTERS_MAX)),
    };
    (style, format!("{}{body}", response["status"]))
}

/// The request that was made last, its pairs decoded.
fn tell_request(delivery: &Value, terminal: &mut Terminal) -> anyhow::Result<()> {
    let Some(rendering) = delivery["renderings"].as_array().and_then(|all| all.last()) else { return Ok(()) };
    let request = &rendering["request"];
    heading("Request", terminal)?;
    let (method, url) = (text(request, "method"), text(request, "url"));
    let body = request["body"].as_str().unwrap_or_default();
    match (method.as_str(), url.split_once('?')) {
        ("GET", Some((before, query))) => {
            terminal.line(format!("{method} {before}"))?;
            tell_pairs(query, terminal)?;
        }
        _ => {
            terminal.line(format!("{method} {url}"))?;
            match is_form(request) {
                true => tell_pairs(body, terminal)?,
                false => terminal.line(tame(&shorten(body, BODY_CHARACTERS_MAX)))?,
            }
        }
    }
    for warning in rendering["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        terminal.line(terminal.paint(Style::Yellow, format!("warning: {}", tame(warning))))?;
    }
    Ok(())
}

/// Whether a request's body is the form that webhooks are sent as.
fn is_form(request: &Value) -> bool {
    request["headers"].as_array().into_iter().flatten().any(|header| {
        let value = header[1].as_str().unwrap_or_default();
        header[0] == "content-type" && value.starts_with("application/x-www-form-urlencoded")
    })
}

fn tell_pairs(form: &str, terminal: &mut Terminal) -> anyhow::Result<()> {
    let pairs: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    for line in lines(&entries(&pairs)) {
        terminal.line(format!("  {line}"))?;
    }
    Ok(())
}

fn heading(words: &str, terminal: &mut Terminal) -> anyhow::Result<()> {
    terminal.gap()?;
    Ok(terminal.line(terminal.paint(Style::Bold, words))?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::terminal::Paper;

    fn told(delivery: &Value) -> String {
        let paper = Paper::default();
        tell(delivery, &mut Terminal::plain(paper.clone())).unwrap();
        paper.text()
    }

    #[test]
    fn a_failed_delivery_is_told_with_its_attempts_its_pairs_and_what_to_do() {
        let told = told(&json!({
            "id": "dlv_1", "webhook": "wh_1", "lead": { "site": "60001", "type": "call", "id": "7" },
            "trigger": "call_ended", "state": "failed", "reason": "the last attempt failed", "attempt_count": 2,
            "renderings": [{ "warnings": ["it is long"], "request": {
                "method": "POST", "url": "https://crm.example/hook",
                "body": "fio=%D0%81%D0%B6&tags%5B0%5D%5Btag%5D=a",
                "headers": [["content-type", "application/x-www-form-urlencoded"]],
            }}],
            "attempts": [
                { "number": 1, "elapsed_ms": 12, "response": { "status": 503, "body": "no\u{1b}pe\n" } },
                { "number": 2, "elapsed_ms": 9, "broken": { "detail": "the connection was refused" } },
            ],
            "plugins": [{ "plugin": "vip", "step": "transform", "decided": "sent",
                "log": [{ "level": "info", "text": "seen" }] }],
        }));
        for part in [
            "dlv_1  failed",
            "after 2 attempts: the last attempt failed. `leadhook delivery send dlv_1` sends it again.",
            "60001/call/7",
            "503: no\\u{1b}pe",
            "the connection was refused",
            "POST https://crm.example/hook",
            "fio  = Ёж",
            "[0] tag = a",
            "warning: it is long",
            "vip  transform sent",
            "info   seen",
        ] {
            assert!(told.contains(part), "no `{part}` in\n{told}");
        }
    }

    #[test]
    fn each_state_has_its_words() {
        let of = |state: &str| {
            let delivery = json!({
                "id": "dlv_1", "state": state, "reason": "R", "last_outcome": "L", "attempt_count": 1,
            });
            why(&delivery)
        };
        assert!(of("skipped").contains("held back, after 1 attempt: R"), "{}", of("skipped"));
        assert!(of("retrying").contains("L, after 1 attempt. The next attempt"), "{}", of("retrying"));
        assert!(of("delivered").contains("arrived at") && of("delivered").contains(": L."));
        assert!(of("cancelled").contains(": R.") && of("scheduled").contains("waits"));
    }
}
