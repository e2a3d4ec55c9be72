//! What settings may name of an account's plugins and secrets.

use super::*;

/// What the account has: a plugin of each kind, one of them in two versions, and a secret.
pub(super) fn holdings() -> Holdings {
    let (filter, transform, receipt) = (true, true, true);
    let plugins = [
        ("phone-e164".to_owned(), Exports { transform, ..Exports::default() }),
        (format!("phone-e164@{SHA_256}"), Exports { receipt, ..Exports::default() }),
        ("dedupe".to_owned(), Exports { filter, ..Exports::default() }),
        ("judge".to_owned(), Exports { receipt, ..Exports::default() }),
    ];
    Holdings { plugins: plugins.into(), secrets: BTreeSet::from(["crm-token".to_owned()]) }
}

fn link(plugin: &str) -> Value {
    json!({ "transform": [{ "plugin": plugin }] })
}

fn judge(plugin: &str) -> Value {
    json!({ "success": { "plugin": plugin } })
}

#[test]
fn a_plugin_is_named_for_what_it_has_functions_for() {
    for fields in
        [link("phone-e164"), link("dedupe"), judge("judge"), judge(&format!("phone-e164@{SHA_256}"))]
    {
        assert_eq!(faults(&with(fields.clone())), [], "{fields}");
    }
    assert_refused(&[
        (link("judge"), "transform[0].plugin", "plugin_without_transform"),
        (judge("phone-e164"), "success.plugin", "plugin_without_receipt"),
        (judge("dedupe"), "success.plugin", "plugin_without_receipt"),
        (link(&format!("phone-e164@{SHA_256}")), "transform[0].plugin", "plugin_without_transform"),
    ]);
}

#[test]
fn a_plugin_or_version_that_the_account_does_not_have_is_refused() {
    let other = SHA_256.replace('e', "0");
    assert_refused(&[
        (link("nowhere"), "transform[0].plugin", "unknown_plugin"),
        (link(&format!("nowhere@{SHA_256}")), "transform[0].plugin", "unknown_plugin"),
        (link(&format!("phone-e164@{other}")), "transform[0].plugin", "unknown_version"),
        (link("phone-e164@1"), "transform[0].plugin", "bad_plugin"),
        (json!({ "transform": [{}] }), "transform[0].plugin", "missing"),
        (judge("nowhere"), "success.plugin", "unknown_plugin"),
    ]);
}

#[test]
fn a_secret_that_the_account_does_not_have_is_refused() {
    let granted = |secrets: Value| json!({ "transform": [{ "plugin": "phone-e164", "secrets": secrets }] });
    assert_eq!(faults(&with(granted(json!(["crm-token"])))), []);
    let path = "transform[0].secrets[1]";
    assert_refused(&[(granted(json!(["crm-token", "crm-word"])), path, "unknown_secret")]);
}

#[test]
fn where_nobody_can_tell_what_the_account_has_any_plugin_may_be_named() {
    let settings = with(json!({ "transform": [{ "plugin": "nowhere", "secrets": ["word"] }] }));
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    assert!(Settings::parse(&settings, &known).is_ok());
}
