//! Skips a client who was sent within the last hours, by phone or e-mail.

use leadhook_plugin::prelude::*;
use serde::{Deserialize, Serialize};

leadhook_plugin::export! { filter: first_within_hours }

/// The longest window in hours: a year.
const HOURS_MAX: u32 = 8_784;

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How long a client is remembered, from the first delivery on.
    hours: u32,
    /// What tells clients apart.
    by: By,
    /// Whether a client of another site is another one.
    per_site: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hours: 24, by: By::PhoneOrEmail, per_site: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Phone,
    Email,
    /// Both are remembered, and one that is known is enough.
    PhoneOrEmail,
}

/// What is remembered of a client.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    /// Type and id of the lead; its own later deliveries pass.
    lead: String,
    /// When, in Unix milliseconds.
    at_ms: u64,
}

fn first_within_hours(delivery: &Delivery) -> Result<Decision, Failure> {
    let settings: Settings = config()?;
    if !(1..=HOURS_MAX).contains(&settings.hours) {
        return Err(Failure::lasting("bad_config", format!("`hours` is from 1 to {HOURS_MAX}")));
    }
    // A sample is nobody's lead: remembering it would hold back a client of that number.
    if delivery.sample {
        return Ok(Decision::Pass);
    }
    let this = lead_name(&delivery.lead);
    let keys = keys(&settings, delivery);
    for key in &keys {
        if let Some(sent) = kv::get_json::<Sent>(key)?
            && sent.lead != this
        {
            return Ok(Decision::Skip(reason(&settings, &sent)));
        }
    }
    let sent = Sent { lead: this, at_ms: now_ms() };
    for key in keys {
        // A later delivery of the same lead does not make its time longer.
        if kv::get(&key).is_none() {
            kv::set_json(&key, &sent, Some(settings.hours * 3600))?;
        }
    }
    Ok(Decision::Pass)
}

fn lead_name(lead: &Lead) -> String {
    let kind = match lead.kind() {
        LeadKind::Call => "call/",
        LeadKind::Request => "request/",
    };
    [kind, lead.id()].concat()
}

fn reason(settings: &Settings, sent: &Sent) -> String {
    let minutes = now_ms().saturating_sub(sent.at_ms) / 60_000;
    let Settings { hours, .. } = settings;
    format!("the same client was sent {minutes} min ago with {}; the window is {hours} h", sent.lead)
}

/// The keys under which this client is remembered; none for one that nothing is known of, who always passes.
fn keys(settings: &Settings, delivery: &Delivery) -> Vec<String> {
    let lead = &delivery.lead;
    let phone = lead.text(Parameter::CallerPhone).filter(|_| settings.by != By::Email);
    let email = lead.text(Parameter::Email).filter(|_| settings.by != By::Phone);
    let site = if settings.per_site { delivery.site.as_str() } else { "" };
    let key = |kind: &str, name: &str| {
        let key = [kind, ":", site, ":", name].concat();
        (key.len() <= KEY_BYTES_MAX).then_some(key)
    };
    let phone = phone.and_then(|phone| key("phone", phone));
    let email = email.and_then(|email| key("email", &email.trim().to_lowercase()));
    phone.into_iter().chain(email).collect()
}

/// The longest key that the engine's store takes. A longer name is nobody's address.
const KEY_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::{Value as Json, json};

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn lead(id: &str, parameters: &Json) -> Delivery {
        Delivery::of(
            json!({"site": "60001", "type": "call", "id": id, "parameters": parameters, "visits": []}),
        )
    }

    fn call(id: &str, phone: &str) -> Delivery {
        lead(id, &json!({ "callerphone": phone }))
    }

    fn passes(host: &mut Host, delivery: &Delivery) -> bool {
        host.run(|| first_within_hours(delivery)).unwrap() == Decision::Pass
    }

    #[test]
    fn a_client_passes_once_within_the_window_and_again_after_it() {
        let mut host = Host::new().config(json!({"hours": 2}));
        assert!(passes(&mut host, &call("1", "79990001001")));
        assert!(passes(&mut host, &call("2", "79990001002")), "another client");
        let mut host = host.now_ms(2 * HOUR_MS - 1);
        let decision = host.run(|| first_within_hours(&call("3", "79990001001"))).unwrap();
        let reason = "the same client was sent 119 min ago with call/1; the window is 2 h";
        assert_eq!(decision, Decision::Skip(reason.to_owned()));
        let mut host = host.now_ms(2 * HOUR_MS);
        assert!(passes(&mut host, &call("4", "79990001001")));
        assert!(!passes(&mut host, &call("5", "79990001001")));
    }

    #[test]
    fn later_deliveries_of_the_same_lead_pass_and_make_the_window_no_longer() {
        let mut host = Host::new().config(json!({"hours": 1}));
        assert!(passes(&mut host, &call("1", "7")));
        let mut host = host.now_ms(HOUR_MS / 2);
        assert!(passes(&mut host, &call("1", "7")));
        assert!(!passes(&mut host, &call("2", "7")));
        let mut host = host.now_ms(HOUR_MS);
        assert!(passes(&mut host, &call("2", "7")));
    }

    #[test]
    fn a_client_is_known_by_phone_or_by_e_mail() {
        let both = lead("1", &json!({"callerphone": "7", "email": "Maria@mail.example"}));
        let email = lead("2", &json!({"email": " maria@MAIL.example"}));
        let phone = lead("3", &json!({"callerphone": "7"}));
        for (by, email_passes, phone_passes) in
            [("phone_or_email", false, false), ("phone", true, false), ("email", false, true)]
        {
            let mut host = Host::new().config(json!({ "by": by }));
            assert!(passes(&mut host, &both));
            assert_eq!(passes(&mut host, &email), email_passes, "{by}");
            assert_eq!(passes(&mut host, &phone), phone_passes, "{by}");
        }
    }

    #[test]
    fn who_is_not_known_by_anything_always_passes() {
        let mut host = Host::new();
        for id in ["1", "2"] {
            assert!(passes(&mut host, &lead(id, &json!({}))));
        }
        assert!(passes(&mut host, &lead("3", &json!({"email": "m".repeat(300)}))));
        assert!(host.stored().is_empty());
    }

    #[test]
    fn a_sample_is_not_remembered() {
        let mut host = Host::new();
        assert!(passes(&mut host, &Delivery { sample: true, ..call("1", "7") }));
        assert!(passes(&mut host, &call("2", "7")));
    }

    #[test]
    fn sites_share_their_clients_unless_told_otherwise() {
        let other = Delivery { site: "60002".to_owned(), ..call("2", "7") };
        for (per_site, other_passes) in [(false, false), (true, true)] {
            let mut host = Host::new().config(json!({ "per_site": per_site }));
            assert!(passes(&mut host, &call("1", "7")));
            assert_eq!(passes(&mut host, &other), other_passes);
        }
    }

    #[test]
    fn a_window_out_of_range_is_refused() {
        for hours in [0, HOURS_MAX + 1] {
            let mut host = Host::new().config(json!({ "hours": hours }));
            let failure = host.run(|| first_within_hours(&call("1", "7"))).unwrap_err();
            assert!(failure.code == "bad_config" && failure.detail.contains("`hours`"), "{failure}");
        }
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
