//! Settings as files: shown before they are applied, applied once, never over somebody else's change, and nothing is
//! deleted unless it is asked for.

use leadhook_harness::{Answer, Ended, Engine, Gate, Program, Receiver, wait_until};
use leadhook_tests::root;
use serde_json::{Value, json};

use crate::world::{command, command_in, complaint, engine, id, inactive_webhook, printed};

/// A folder of files to apply.
struct Files(tempfile::TempDir);

impl Files {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, content)| folder.write(name, content));
        folder
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn path(&self) -> String {
        self.0.path().to_string_lossy().into_owned()
    }

    async fn apply(&self, engine: &Engine, flags: &[&str]) -> Ended {
        command(engine, &[&["apply", &self.path()], flags].concat()).await
    }
}

/// The account's webhooks by what is asked of them, newest first.
async fn webhooks(engine: &Engine) -> Vec<Value> {
    let (status, page) = engine.get("/v1/webhooks").await;
    assert_eq!(status, 200, "{page}");
    page["webhooks"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_examples_are_applied_once_and_then_there_is_nothing_to_do() {
    let engine = Engine::start().await;
    let receiver = Receiver::start().await;
    let secrets = Files::of(&[("secrets.toml", "crm-signing = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'")]);
    let (examples, secrets) =
        (root().join("examples/apply"), secrets.0.path().join("secrets.toml").to_string_lossy().into_owned());
    let url = receiver.url("/hook?token=t0k3n");
    let apply = async |flags: &[&str]| {
        let arguments = ["apply", &examples.to_string_lossy(), "--secrets", &secrets];
        command_in(&[("CRM_URL", &url)], &engine, &[&arguments[..], flags].concat()).await
    };

    let shown = printed(apply(&["--dry-run"]).await, 10);
    assert!(shown.contains("+ site 60001") && shown.contains("+ webhook `CRM`"), "{shown}");
    assert!(
        shown.contains("examples/apply/shop.toml: webhooks[0]") && shown.contains("3 to make"),
        "{shown}"
    );
    assert!(webhooks(&engine).await.is_empty(), "a dry run changes nothing");
    let told = complaint(apply(&[]).await, 2);
    assert!(told.contains("--yes"), "there is nobody to ask: {told}");
    assert!(webhooks(&engine).await.is_empty());

    printed(apply(&["--yes"]).await, 0);
    let made = webhooks(&engine).await;
    let of = |name: &str| made.iter().find(|webhook| webhook["name"] == name).unwrap();
    assert_eq!((&of("CRM")["active"], &of("Bot")["active"]), (&json!(true), &json!(false)));
    assert_eq!(of("CRM")["settings"]["url"], json!(url));
    assert!(receiver.requests()[0].header("webhook-signature").is_some(), "by the secret of the file");
    assert_eq!(engine.get("/v1/sites/60001").await.1["name"], "Окна");

    let again = printed(apply(&["--yes"]).await, 0);
    assert!(again.contains("0 to make, 0 to change, 0 to switch, 0 to delete; 3 unchanged"), "{again}");
    printed(apply(&["--dry-run"]).await, 0);
    assert_eq!(webhooks(&engine).await, made);

    let moved = receiver.url("/hook?token=an0ther");
    let arguments = ["apply", &examples.to_string_lossy(), "--secrets", &secrets, "--dry-run"];
    let shown = printed(command_in(&[("CRM_URL", &moved)], &engine, &arguments).await, 10);
    assert!(shown.contains("url: is another") && !shown.contains("an0ther"), "{shown}");
}

#[tokio::test]
async fn only_what_differs_is_changed_and_what_is_in_no_file_goes_only_when_asked_for() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let text = |timeout: u32, active: bool| {
        format!(
            "[[webhooks]]\nname = 'CRM'\nurl = '{}'\ntimeout_seconds = {timeout}\nactive = {active}\n\
             [[webhooks]]\nname = 'Still'\nurl = 'https://still.example/'\n",
            receiver.url("/hook")
        )
    };
    let files = Files::of(&[("a.toml", &text(5, true))]);
    printed(files.apply(&engine, &["--yes"]).await, 0);
    inactive_webhook(&engine, &json!({ "name": "By hand", "url": "https://hand.example/" })).await;

    files.write("a.toml", &text(6, false));
    let shown = printed(files.apply(&engine, &["--yes"]).await, 0);
    for part in ["timeout_seconds: 5 → 6", "is switched off", "`By hand`", "is in no file, and stays"] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let all = webhooks(&engine).await;
    let revisions: Vec<_> =
        all.iter().map(|webhook| (webhook["name"].as_str().unwrap(), webhook["revision"].as_u64())).collect();
    assert_eq!(revisions, [("By hand", Some(1)), ("Still", Some(1)), ("CRM", Some(2))]);
    assert_eq!(all[2]["active"], false);

    let steps = printed(files.apply(&engine, &["--prune", "--dry-run", "--json"]).await, 10);
    let deleted: Vec<Value> = steps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let deleted: Vec<_> = deleted.iter().filter(|step| step["action"] == "delete").collect();
    assert!(deleted.len() == 1 && deleted[0]["name"] == "By hand", "no site: no file speaks of sites");
    printed(files.apply(&engine, &["--prune", "--yes"]).await, 0);
    assert_eq!(webhooks(&engine).await.len(), 2);
    assert_eq!(engine.get("/v1/sites/60001").await.0, 200);
}

#[tokio::test]
async fn what_somebody_changed_meanwhile_is_not_overwritten() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let theirs = inactive_webhook(&engine, &json!({ "name": "B", "url": "https://b.example/1" })).await;
    let text = format!(
        "[[webhooks]]\nname = 'A'\nurl = '{}'\nactive = true\n[[webhooks]]\nname = 'B'\nurl = 'https://b.example/2'",
        receiver.url("/hook")
    );
    let files = Files::of(&[("a.toml", &text)]);
    let gate = Gate::default();
    receiver.answer_always(Answer::status(200).after(&gate));
    let server = format!("http://{}", engine.address());
    let path = files.path();
    let applying = Program::start(["apply", &path, "--yes", "--server", &server, "--key", engine.key()]);
    // The plan is made; it waits for A's handler.
    receiver.wait_for(1).await;
    let saved = json!({ "name": "B", "url": "https://b.example/3" });
    assert_eq!(engine.put(&format!("/v1/webhooks/{theirs}"), &saved).await.0, 200);
    gate.open();
    let told = complaint(applying.end().await, 4);
    assert!(told.contains("webhook `B`") && told.contains("somebody changed it"), "{told}");
    let (_, stands) = engine.get(&format!("/v1/webhooks/{theirs}")).await;
    assert_eq!((&stands["settings"], &stands["revision"]), (&saved, &json!(2)));
    let others = webhooks(&engine).await;
    assert!(others.iter().any(|webhook| webhook["name"] == "A" && webhook["active"] == true), "{others:?}");
}

#[tokio::test]
async fn every_fault_of_every_file_is_told_before_anything_is_changed() {
    let engine = Engine::setup().public_only().start().await;
    let files = Files::of(&[
        ("a.toml", "[sites.60001]\nname = 'Shop'\n[[webhooks]]\nname = 'A'\nurl = 'nowhere'\nmethod = 'PUT'"),
        ("b.json", r#"{ "webhooks": [{ "name": "B", "url": "https://b.example/${NOT_THERE}" }] }"#),
    ]);
    let told = complaint(files.apply(&engine, &["--yes"]).await, 2);
    for part in [
        "a.toml: webhooks[0].url: ",
        "a.toml: webhooks[0].method: ",
        "b.json: webhooks[0].url: the environment",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    // What only the engine knows.
    files
        .write("a.toml", "[sites.60001]\nname = 'Shop'\n[[webhooks]]\nname = 'A'\nurl = 'http://127.0.0.1/'");
    files.write(
        "b.json",
        r#"{ "webhooks": [{ "name": "B", "url": "https://b.example/", "transform": [{ "plugin": "nobodys" }] }] }"#,
    );
    let told = complaint(files.apply(&engine, &["--yes"]).await, 2);
    for part in ["a.toml: webhooks[0].url: ", "b.json: webhooks[0].transform"] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert_eq!(engine.get("/v1/sites/60001").await.0, 404, "nothing was changed");
}

#[tokio::test]
async fn a_name_that_two_webhooks_have_is_refused_and_a_handler_that_refuses_leaves_its_webhook_off() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(500));
    let settings = json!({ "name": "A", "url": receiver.url("/hook") });
    let first = inactive_webhook(&engine, &settings).await;
    let second = inactive_webhook(&engine, &settings).await;
    let files = Files::of(&[("a.json", &json!({ "webhooks": [settings] }).to_string())]);
    let told = complaint(files.apply(&engine, &["--yes"]).await, 2);
    assert!(told.contains(&first) && told.contains(&second), "{told}");

    engine.delete(&format!("/v1/webhooks/{second}")).await;
    let mut on = settings.clone();
    on["active"] = json!(true);
    files.write("a.json", &json!({ "webhooks": [on] }).to_string());
    let told = complaint(files.apply(&engine, &["--yes"]).await, 4);
    assert!(told.contains("stays off") && told.contains("--force"), "{told}");
    printed(files.apply(&engine, &["--yes", "--force"]).await, 0);
    let stands = wait_until("it is on", async || {
        let all = webhooks(&engine).await;
        (all[0]["active"] == true).then(|| all[0].clone())
    })
    .await;
    assert_eq!(
        (id(&stands), &stands["revision"]),
        (first.as_str(), &json!(1)),
        "its settings did not differ"
    );
}
