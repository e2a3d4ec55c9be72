//! Writes the caller's phone with a plus, and holds back leads without one.

use leadhook_plugin::prelude::*;
use serde::Deserialize;

leadhook_plugin::export! { transform: rewrite }

/// What the link's `config` may hold; anything else is refused by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The field that the phone goes into.
    field: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { field: "phone".to_owned() }
    }
}

fn rewrite(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let Some(phone) = delivery.lead.text(Parameter::CallerPhone) else {
        return Ok(Verdict::Skip("the lead has no phone".to_owned()));
    };
    request.form_mut()?.set(&settings.field, &format!("+{phone}"));
    Ok(Verdict::Send)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each folder of `fixtures`, natively. `leadhook plugin test` runs the same through the built wasm.
    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
