//! Everything that the HTTP interface can do for an account is a command: tables for people, JSON lines for programs,
//! exit codes that mean something.

mod exits;
mod following;
mod operator;

use leadhook_harness::{Answer, Receiver};
use serde_json::{Value, json};

use crate::world::{command, complaint, engine, id, in_state, post, post_calls, printed, webhook};

/// A file with this in it, in a folder that goes with the guard.
fn file(name: &str, content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

/// The JSON values that were printed, one a line.
fn values(printed: &str) -> Vec<Value> {
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_webhook_is_made_switched_on_saved_copied_and_deleted_by_commands() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(500).body("no such table"));
    let settings = format!("name = 'CRM'\nurl = '{}'", receiver.url("/hook"));
    let (_folder, path) = file("settings.toml", &settings);
    let made: Value =
        serde_json::from_str(&printed(command(&engine, &["webhook", "create", &path, "--json"]).await, 0))
            .unwrap();
    let webhook = id(&made);

    let told = complaint(command(&engine, &["webhook", "activate", webhook]).await, 4);
    assert!(told.contains("500 (`no such table`)") && told.contains("--force"), "{told}");
    let told = printed(command(&engine, &["webhook", "activate", webhook, "--force"]).await, 0);
    assert!(told.contains("is on"), "{told}");
    let listed = printed(command(&engine, &["webhook", "list"]).await, 0);
    let row = listed.lines().find(|line| line.starts_with(webhook)).unwrap();
    assert!(row.contains("CRM") && row.contains(" on ") && row.contains("/hook"), "{listed}");
    assert!(listed.starts_with("id ") && !listed.contains('\u{1b}'), "headings, and no colours in a file");

    let update = ["webhook", "update", webhook, &path, "--revision", "1"];
    assert!(printed(command(&engine, &update).await, 0).contains("revision 2"));
    let told = complaint(command(&engine, &update).await, 4);
    assert!(told.contains("its revision is 2 now"), "{told}");
    let revisions = printed(command(&engine, &["webhook", "revisions", webhook, "--json"]).await, 0);
    assert_eq!(values(&revisions).iter().map(|one| &one["revision"]).collect::<Vec<_>>(), [2, 1]);

    assert!(printed(command(&engine, &["webhook", "deactivate", webhook]).await, 0).contains("is off"));
    let shown = printed(command(&engine, &["webhook", "show", webhook]).await, 0);
    assert!(shown.contains("leadhook webhook activate") && shown.contains("\"url\""), "{shown}");
    printed(command(&engine, &["webhook", "copy", webhook]).await, 0);
    let listed = printed(command(&engine, &["webhook", "list", "--json"]).await, 0);
    assert_eq!(values(&listed)[0]["name"], "CRM (copy)");
    printed(command(&engine, &["webhook", "delete", webhook]).await, 0);
    let told = complaint(command(&engine, &["webhook", "show", webhook]).await, 3);
    assert!(told.contains("has no webhook"), "{told}");
}

#[tokio::test]
async fn a_delivery_tells_in_words_why_its_lead_did_not_arrive_and_is_sent_again() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": [] } });
    let webhook = webhook(&engine, settings).await;
    receiver.answer(Answer::status(503).body("down for the night"));
    post_calls(&engine, [7]).await;
    let failed = in_state(&engine, &webhook, "failed", 1).await.remove(0);

    let by = ["delivery", "list", "--webhook", &webhook, "--state", "failed", "--lead", "60001/call/7"];
    let listed = printed(command(&engine, &by).await, 0);
    assert!(listed.lines().nth(1).is_some_and(|row| row.starts_with(id(&failed))), "{listed}");
    let none = command(&engine, &["delivery", "list", "--state", "cancelled"]).await;
    assert!(none.stdout.is_empty() && none.stderr.contains("there is no such delivery"), "{}", none.stderr);

    let shown = printed(command(&engine, &["delivery", "show", id(&failed)]).await, 0);
    for part in
        ["It did not arrive", "after 1 attempt", "503: down for the night", "callerphone", "79990000007"]
    {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let whole = printed(command(&engine, &["delivery", "show", id(&failed), "--json"]).await, 0);
    assert_eq!(serde_json::from_str::<Value>(&whole).unwrap()["state"], "failed");
    assert!(printed(command(&engine, &["delivery", "replay", id(&failed)]).await, 0).contains("the same"));

    assert!(
        printed(command(&engine, &["delivery", "send", id(&failed)]).await, 0).contains("sends it again")
    );
    in_state(&engine, &webhook, "delivered", 2).await;
    let shown = printed(command(&engine, &["delivery", "show", id(&failed)]).await, 0);
    assert!(shown.contains("It arrived") && shown.contains("sent again by"), "{shown}");
    let told = complaint(command(&engine, &["delivery", "cancel", id(&failed)]).await, 4);
    assert!(told.contains("it has ended as delivered"), "{told}");
}

#[tokio::test]
async fn a_list_goes_over_pages_up_to_its_limit() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    post_calls(&engine, 1..=510).await;
    let all = command(&engine, &["delivery", "list", "--json", "--limit", "600"]).await;
    assert!(all.stderr.is_empty(), "{}", all.stderr);
    assert_eq!(values(&printed(all, 0)).len(), 510);
    let some = command(&engine, &["delivery", "list", "--json", "--limit", "505"]).await;
    assert!(some.stderr.contains("there are more; --limit"), "{}", some.stderr);
    assert_eq!(values(&printed(some, 0)).len(), 505);
}

#[tokio::test]
async fn sites_leads_secrets_and_notifications_have_commands() {
    let engine = engine().await;
    let (_folder, path) = file("site.json", r#"{ "name": "Окна", "country": "KZ" }"#);
    assert!(printed(command(&engine, &["site", "put", "7", &path]).await, 0).contains("site 7"));
    assert!(printed(command(&engine, &["site", "list"]).await, 0).contains("Окна"));
    let relay = printed(command(&engine, &["site", "relay", "make", "7", "--json"]).await, 0);
    let relay: Value = serde_json::from_str(&relay).unwrap();
    assert!(printed(command(&engine, &["site", "relay", "list", "7"]).await, 0).contains(id(&relay)));
    printed(command(&engine, &["site", "relay", "revoke", "7", id(&relay)]).await, 0);
    assert_eq!(printed(command(&engine, &["site", "relay", "list", "7"]).await, 0), "");
    printed(command(&engine, &["site", "delete", "7"]).await, 0);
    complaint(command(&engine, &["site", "show", "7"]).await, 3);

    post(&engine, &json!([crate::world::call(7)])).await;
    let listed = printed(command(&engine, &["lead", "list", "--phone", "+7 999 000-00-07"]).await, 0);
    assert!(listed.contains("60001/call/7") && listed.contains("79990000007"), "{listed}");
    let shown = command(&engine, &["lead", "show", "60001/call/7"]).await;
    assert!(shown.stderr.contains("nothing was owed of it"), "{}", shown.stderr);
    assert!(printed(shown, 0).contains("event-7"));
    complaint(command(&engine, &["lead", "show", "no lead"]).await, 2);

    let (_folder, path) = file("token", "s3cr3t\n");
    printed(command(&engine, &["secret", "set", "crm-token", "--file", &path]).await, 0);
    let listed = printed(command(&engine, &["secret", "list"]).await, 0);
    assert!(listed.contains("crm-token") && !listed.contains("s3cr3t"), "{listed}");
    printed(command(&engine, &["secret", "delete", "crm-token"]).await, 0);
    let told = complaint(command(&engine, &["secret", "set", "crm-token"]).await, 4);
    assert!(told.contains("a secret has a value"), "standard input is empty: {told}");
    assert_eq!(printed(command(&engine, &["notification", "list"]).await, 0), "");
}
