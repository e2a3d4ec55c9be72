//! Accounts, their keys and the trail of changes, by commands.

use leadhook_harness::{Ended, Engine, Program};
use serde_json::Value;

use crate::world::{command, complaint, engine, id, printed};

/// A command with the operator's key, from the file where the engine keeps it.
async fn as_operator(engine: &Engine, arguments: &[&str]) -> Ended {
    let server = format!("http://{}", engine.address());
    let key = engine.data().join("operator-key").to_string_lossy().into_owned();
    Program::start([arguments, &["--server", &server, "--key-file", &key]].concat()).end().await
}

#[tokio::test]
async fn the_operator_makes_accounts_and_keys_and_all_see_what_they_changed() {
    let engine = engine().await;
    let made = printed(as_operator(&engine, &["account", "create", "Agency", "--json"]).await, 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    let account = id(&made);
    complaint(as_operator(&engine, &["account", "create", "Agency"]).await, 4);
    let key = ["key", "create", account, "telephony", "--scope", "read,events", "--json"];
    let key: Value = serde_json::from_str(&printed(as_operator(&engine, &key).await, 0)).unwrap();
    let text = key["key"].as_str().unwrap();

    let listed = printed(as_operator(&engine, &["key", "list", account]).await, 0);
    assert!(listed.contains("telephony") && listed.contains("read") && !listed.contains(text), "{listed}");
    let server = format!("http://{}", engine.address());
    let theirs = async |arguments: &[&str]| {
        let access = ["--server", &server, "--key", text];
        Program::start([arguments, &access].concat()).end().await
    };
    assert_eq!(printed(theirs(&["site", "list"]).await, 0), "", "the other account's site is not theirs");
    let told = complaint(theirs(&["webhook", "delete", "wh_0000000000000"]).await, 6);
    assert!(told.contains("manage"), "its scope is missing: {told}");
    complaint(command(&engine, &["account", "list"]).await, 6);

    let change = ["account", "change", account, "--name", "Agency 2", "--state", "suspended"];
    printed(as_operator(&engine, &change).await, 0);
    let listed = printed(as_operator(&engine, &["account", "list"]).await, 0);
    assert!(listed.contains("Agency 2") && listed.contains("suspended"), "{listed}");
    printed(as_operator(&engine, &["key", "delete", id(&key)]).await, 0);
    complaint(theirs(&["site", "list"]).await, 6);

    let own = printed(command(&engine, &["audit"]).await, 0);
    assert!(own.contains("site.saved") && !own.contains("account.made"), "{own}");
    let operators = printed(as_operator(&engine, &["audit", "--account", "operator"]).await, 0);
    for action in ["account.made", "key.made", "key.deleted"] {
        assert!(operators.contains(action), "no `{action}` in\n{operators}");
    }
}
