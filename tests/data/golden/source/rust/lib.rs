//! The golden plugin in Rust: it uses every function and every case of the interface, as its configuration says.

use leadhook_plugin::prelude::*;
use leadhook_plugin::{debug, error, info, random, warn};
use serde::Deserialize;

leadhook_plugin::export! { filter: accept, transform: rewrite, receipt: judge }

#[derive(Deserialize)]
struct Settings {
    mode: String,
}

fn accept(delivery: &Delivery) -> Result<Decision, Failure> {
    let Settings { mode } = config()?;
    match mode.as_str() {
        "filter-skip" => Ok(Decision::Skip(format!("{} is not wanted", delivery.trigger))),
        "filter-fail" => Err(Failure::passing("busy", "ask again")),
        _ => Ok(Decision::Pass),
    }
}

fn rewrite(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let Settings { mode } = config()?;
    match mode.as_str() {
        "skip" => Ok(Verdict::Skip("held back".to_owned())),
        "defer" => Ok(Verdict::Defer { until_ms: now_ms() + 60_000 }),
        "fail" => Err(Failure::lasting("golden", "as asked")),
        "raw" => {
            request.set_raw("text/plain; charset=utf-8", "сырой".into());
            request.set_header("x-golden", "1");
            Ok(Verdict::Send)
        }
        "bytes" => {
            request.set_raw("application/octet-stream", vec![0, 255, 128, 10]);
            Ok(Verdict::Send)
        }
        "logs" => {
            debug!("one");
            info!("two");
            warn!("three");
            error!("четыре");
            request.form_mut()?.set("random", (random() >> 40).to_string());
            Ok(Verdict::Send)
        }
        _ => form(delivery, request).map(|()| Verdict::Send),
    }
}

fn form(delivery: &Delivery, request: &mut Request) -> Result<(), Failure> {
    let lead = &delivery.lead;
    let secret = secret("token")?;
    let about = [&delivery.id, &delivery.webhook, &delivery.site, &delivery.trigger];
    let about = about.map(String::as_str).join(" ");
    let times = format!("{} {}", delivery.occurred_at_ms, now_ms());
    let flags = format!("{} {}", delivery.resend, delivery.sample);
    let kept = kv::get("kept").map_or("nothing".to_owned(), |value| String::from_utf8_lossy(&value).into_owned());
    kv::set("kept", b"42", None);
    kv::set("brief", b"7", Some(60));
    kv::delete("gone");
    let calls = kv::increment("calls", 2, Some(60));
    let parts = [lead.site(), lead.id(), lead.timezone().unwrap_or_default()].join(" ");
    let tags = lead.tags(Parameter::TagsManual).collect::<Vec<_>>().join("|");
    let comments = lead.records(Parameter::Comment).map(|(party, text)| format!("{party}: {text}"));
    let comments = comments.collect::<Vec<_>>().join("|");
    let phone = lead.text(Parameter::CallerPhone).unwrap_or_default().to_owned();
    let email = if lead.text(Parameter::Email).is_some() { "known" } else { "unknown" };
    let form = request.form_mut()?;
    for (name, value) in [
        ("phone", &*format!("+{phone}")),
        ("email", email),
        ("about", &*about),
        ("times", &*times),
        ("flags", &*flags),
        ("lead", &*parts),
        ("tags", &*tags),
        ("comments", &*comments),
        ("secret", &*secret),
        ("kept", &*kept),
        ("calls", &*calls.to_string()),
    ] {
        form.set(name, value);
    }
    form.remove("unwanted");
    request.set_header("x-golden", "yes");
    request.url.push_str("?golden=1");
    Ok(())
}

fn judge(_: &Delivery, response: &Response) -> Result<Judgement, Failure> {
    let answer: serde_json::Value = response.json()?;
    Ok(match answer["error"].as_str() {
        None => Judgement::Delivered,
        Some("LIMIT") => Judgement::Retry { after_seconds: Some(30) },
        Some("LATER") => Judgement::Retry { after_seconds: None },
        Some(error) => {
            let about = response.header("x-about").unwrap_or_default();
            Judgement::Refused(format!("{} {error} {about}", response.status))
        }
    })
}
