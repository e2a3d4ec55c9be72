//! Plugins in their versions, and the secrets that they are granted.

use leadhook_core::{
    id::{AccountId, WebhookId},
    plugin::{Exports, PluginKind, PluginVersion},
    time::Timestamp,
    webhook::Switch,
};
use leadhook_store::{PluginDeleted, Saved, Upload};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Fixture,
    world::{ACCOUNT, START, World, minute, settings},
};

/// A version of a plugin with these bytes.
pub(crate) fn upload(name: &str, bytes: Vec<u8>, uploaded_at: Timestamp) -> Upload {
    let version = PluginVersion {
        name: name.to_owned(),
        sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)),
        kind: PluginKind::Wasm,
        exports: Exports { filter: true, transform: false, receipt: false },
        bytes: bytes.len() as u64,
        uploaded_at,
    };
    Upload { version, bytes }
}

/// Three million bytes that differ from place to place.
fn large() -> Vec<u8> {
    (0..3_000_000_u32).map(|place| place.to_le_bytes()[0] ^ place.to_le_bytes()[2]).collect()
}

pub(crate) async fn an_upload_is_kept_as_a_version_and_is_current<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    let (first, second) = (upload("crm", large(), START), upload("crm", b"two".to_vec(), minute(1)));
    assert_eq!(store.plugin(ACCOUNT, "crm", None).await.unwrap(), None);
    let known = store.put_plugin(ACCOUNT, first.clone()).await.unwrap();
    assert_eq!((&known.current, known.versions), (&first.version, 1));
    let known = store.put_plugin(ACCOUNT, second.clone()).await.unwrap();
    assert_eq!((&known.current, known.versions), (&second.version, 2));
    store.put_plugin(ACCOUNT, upload("a", Vec::new(), START)).await.unwrap();
    let plugins = store.plugins(ACCOUNT).await.unwrap();
    assert_eq!((plugins.len(), plugins[0].current.name.as_str(), &plugins[1]), (2, "a", &known));
    assert_eq!(store.plugin(ACCOUNT, "crm", None).await.unwrap(), Some(second.clone()));
    let earlier = store.plugin(ACCOUNT, "crm", Some(&first.version.sha256)).await.unwrap();
    assert!(earlier == Some(first.clone()), "the bytes are those that were uploaded");
    assert_eq!(store.plugin(ACCOUNT, "a", Some(&first.version.sha256)).await.unwrap(), None);

    let mut again = first.clone();
    again.version.uploaded_at = minute(9);
    let known = store.put_plugin(ACCOUNT, again).await.unwrap();
    assert_eq!((&known.current, known.versions), (&first.version, 2), "it is there already");
    let versions = store.plugin_versions(ACCOUNT, "crm").await.unwrap();
    assert_eq!(versions, [second.version, first.version]);
    assert!(store.plugin_versions(ACCOUNT, "cr").await.unwrap().is_empty());
}

pub(crate) async fn an_earlier_version_can_be_made_current<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    let (first, second) = (upload("crm", vec![1], START), upload("crm", vec![2], minute(1)));
    let sha256 = first.version.sha256.as_str();
    assert_eq!(store.roll_back_plugin(ACCOUNT, "crm", sha256).await.unwrap(), None);
    store.put_plugin(ACCOUNT, first.clone()).await.unwrap();
    store.put_plugin(ACCOUNT, second).await.unwrap();
    assert_eq!(store.roll_back_plugin(ACCOUNT, "crm", "ab").await.unwrap(), None);
    let known = store.roll_back_plugin(ACCOUNT, "crm", sha256).await.unwrap().unwrap();
    assert_eq!((&known.current, known.versions), (&first.version, 2));
    assert_eq!(store.plugin(ACCOUNT, "crm", None).await.unwrap(), Some(first.clone()));
    assert_eq!(store.delete_plugin(ACCOUNT, "crm").await.unwrap(), PluginDeleted::Deleted);
    assert_eq!(store.roll_back_plugin(ACCOUNT, "crm", sha256).await.unwrap(), None);
}

pub(crate) async fn a_plugin_that_a_webhook_names_is_not_deleted<F: Fixture>() {
    let fixture = F::make().await;
    let world = World::new(fixture.store()).await;
    let store = &world.store;
    let plugin = upload("crm", vec![1], START);
    let pinned = format!("crm@{}", plugin.version.sha256);
    assert_eq!(store.delete_plugin(ACCOUNT, "crm").await.unwrap(), PluginDeleted::Unknown);
    store.put_plugin(ACCOUNT, plugin.clone()).await.unwrap();
    let by_link = world.webhook(9, json!({"transform": [{"plugin": "a"}, {"plugin": "crm"}]})).await;
    let by_version = world.webhook(8, json!({"transform": [{"plugin": pinned}]})).await;
    let by_success = world.webhook(7, json!({"success": {"plugin": "crm"}})).await;
    world.webhook(6, json!({"transform": [{"plugin": "crm2"}, {"plugin": "cr"}]})).await;
    store.switch_webhook(ACCOUNT, by_version, Switch::Off(None)).await.unwrap();
    let in_use = |webhooks: &[WebhookId]| PluginDeleted::InUse(webhooks.to_vec());
    let refused = store.delete_plugin(ACCOUNT, "crm").await.unwrap();
    assert_eq!(refused, in_use(&[by_link, by_version, by_success]));
    store.switch_webhook(ACCOUNT, by_link, Switch::Deleted).await.unwrap();
    let saved = store.save_webhook(ACCOUNT, by_success, settings(&json!({})), None, START).await.unwrap();
    assert!(matches!(saved, Saved::Saved(_)));
    assert_eq!(store.delete_plugin(ACCOUNT, "crm").await.unwrap(), in_use(&[by_version]));
    assert_eq!(store.plugin(ACCOUNT, "crm", None).await.unwrap(), Some(plugin.clone()));

    store.switch_webhook(ACCOUNT, by_version, Switch::Deleted).await.unwrap();
    assert_eq!(store.delete_plugin(ACCOUNT, "crm").await.unwrap(), PluginDeleted::Deleted);
    assert!(store.plugins(ACCOUNT).await.unwrap().is_empty());
    assert!(store.plugin_versions(ACCOUNT, "crm").await.unwrap().is_empty());
    assert_eq!(store.plugin(ACCOUNT, "crm", None).await.unwrap(), None);
    let then = store.plugin(ACCOUNT, "crm", Some(&plugin.version.sha256)).await.unwrap();
    assert_eq!(then, Some(plugin), "what ran can be repeated");
    let anew = store.put_plugin(ACCOUNT, upload("crm", vec![2], minute(1))).await.unwrap();
    assert_eq!(anew.versions, 2);
}

pub(crate) async fn secrets_are_granted_by_name<F: Fixture>() {
    let fixture = F::make().await;
    let store = fixture.store();
    let names = ["crm", "mail", "none"].map(str::to_owned);
    for (name, value, now) in [("mail", "m", START), ("crm", "old", START), ("crm", "new", minute(1))] {
        store.put_secret(ACCOUNT, name, value.to_owned(), now).await.unwrap();
    }
    let set = [("crm".to_owned(), minute(1)), ("mail".to_owned(), START)];
    assert_eq!(store.secrets(ACCOUNT).await.unwrap(), set);
    let granted = store.granted(ACCOUNT, &names).await.unwrap();
    let expected = [("crm", "new"), ("mail", "m")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(granted, expected.into());
    assert!(store.granted(ACCOUNT, &names[2..]).await.unwrap().is_empty());
    assert!(store.delete_secret(ACCOUNT, "crm").await.unwrap());
    assert!(!store.delete_secret(ACCOUNT, "crm").await.unwrap());
    assert!(store.granted(ACCOUNT, &names[..1]).await.unwrap().is_empty());
    assert_eq!(store.secrets(ACCOUNT).await.unwrap(), set[1..]);
}

pub(crate) async fn accounts_do_not_share_plugins_and_secrets<F: Fixture>() {
    let fixture = F::make().await;
    let (store, other) = (fixture.store(), AccountId(2));
    let plugin = upload("crm", vec![1], START);
    let sha256 = plugin.version.sha256.as_str();
    store.put_plugin(ACCOUNT, plugin.clone()).await.unwrap();
    store.put_secret(ACCOUNT, "crm", "value".to_owned(), START).await.unwrap();
    assert!(store.plugins(other).await.unwrap().is_empty());
    assert!(store.plugin_versions(other, "crm").await.unwrap().is_empty());
    assert_eq!(store.plugin(other, "crm", Some(sha256)).await.unwrap(), None);
    assert_eq!(store.roll_back_plugin(other, "crm", sha256).await.unwrap(), None);
    assert_eq!(store.delete_plugin(other, "crm").await.unwrap(), PluginDeleted::Unknown);
    assert!(store.secrets(other).await.unwrap().is_empty());
    assert!(store.granted(other, &["crm".to_owned()]).await.unwrap().is_empty());
    assert!(!store.delete_secret(other, "crm").await.unwrap());
}

pub(crate) async fn a_restart_finds_plugins_and_secrets<F: Fixture>() {
    let mut fixture = F::make().await;
    let store = fixture.store();
    let (first, second) = (upload("crm", large(), START), upload("crm", vec![2], minute(1)));
    for one in [&first, &second, &upload("gone", vec![3], START)] {
        store.put_plugin(ACCOUNT, one.clone()).await.unwrap();
    }
    store.delete_plugin(ACCOUNT, "gone").await.unwrap();
    store.roll_back_plugin(ACCOUNT, "crm", &first.version.sha256).await.unwrap();
    for name in ["crm", "gone"] {
        store.put_secret(ACCOUNT, name, "value".to_owned(), minute(2)).await.unwrap();
    }
    store.delete_secret(ACCOUNT, "gone").await.unwrap();
    let plugins = store.plugins(ACCOUNT).await.unwrap();
    drop(store);

    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!((plugins.len(), &plugins[0].current, plugins[0].versions), (1, &first.version, 2));
    assert_eq!(store.plugins(ACCOUNT).await.unwrap(), plugins);
    assert!(store.plugin(ACCOUNT, "crm", None).await.unwrap() == Some(first));
    assert_eq!(store.secrets(ACCOUNT).await.unwrap(), [("crm".to_owned(), minute(2))]);
    let granted = store.granted(ACCOUNT, &["crm".to_owned()]).await.unwrap();
    assert_eq!(granted, [("crm".to_owned(), "value".to_owned())].into());
}
