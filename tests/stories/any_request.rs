//! Whatever a client sends, the API answers as its own description says, and never by failing: requests made from the
//! OpenAPI document by schemathesis, where PyPI answers.
#![allow(clippy::print_stderr, reason = "what is passed over is said aloud")]

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

use leadhook_harness::{Engine, Receiver};
use serde_json::json;

use crate::world::{call, engine, id, only_delivery, post, tagged, webhook};

const TOOL: &str = "schemathesis==4.32.5";
/// What is asked of each answer.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// What the tool itself finds hard about a description is no fault of the API.
const SUPPRESSED: &str = "suppress-health-check = ['filter_too_much', 'too_slow']\n";

/// Fetches the program, once for all runs in this target folder; none where that cannot be done.
fn program() -> Option<PathBuf> {
    let shared = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = shared.join(TOOL.replace("==", "-"));
    let program = folder.join("bin/schemathesis");
    // Each test is a process of its own: one fetches, the others wait for it.
    let lock = File::create(folder.with_extension("lock")).ok()?;
    lock.lock().ok()?;
    let runs = |words: &[&str]| {
        Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
    };
    let (folder, path) = (folder.to_str()?, program.to_str()?);
    let is_there = runs(&[path, "--version"])
        || (runs(&["python3", "-m", "venv", folder])
            && runs(&[&format!("{folder}/bin/pip"), "install", "--quiet", "--retries=0", TOOL])
            && runs(&[path, "--version"]));
    if !is_there {
        eprintln!("SKIPPED: `{TOOL}` cannot be installed here, so the API is not asked by its description");
    }
    is_there.then_some(program)
}

/// Lets the tool ask what the description names for what really stands in the engine.
async fn furnish(engine: &Engine, receiver: &Receiver) -> String {
    let hook = webhook(engine, json!({ "url": receiver.url("/hook") })).await;
    post(engine, &json!([call(1)])).await;
    post(engine, &json!([tagged(1, "Sales")])).await;
    let delivery = only_delivery(engine, &hook, "delivered").await;
    let (status, relay) = engine.post("/v1/sites/60001/relays", &json!({})).await;
    assert_eq!(status, 201, "{relay}");
    // What is deleted is made up by the tool, so that the rest finds what it asks for.
    let known = [
        ("^/v1/deliveries/", json!({ "id": id(&delivery) })),
        ("^/v1/webhooks/", json!({ "id": hook })),
        ("^/v1/sites/", json!({ "id": "60001" })),
        ("^/v1/leads/", json!({ "site": "60001", "type": "call" })),
        ("^/v1/relay/", json!({ "token": relay["token"] })),
    ];
    let operations = known.map(|(paths, parameters)| {
        let pairs: Vec<_> =
            parameters.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {value}")).collect();
        format!(
            "[[operations]]\ninclude-path-regex = '{paths}'\nexclude-method = 'DELETE'\nparameters = {{ {} }}\n",
            pairs.join(", ")
        )
    });
    format!("{SUPPRESSED}{}", operations.concat())
}

/// Asks for all that the description has, or for the calls with these tags, and fails where an answer is not as it says.
async fn ask(engine: &Engine, key: &str, config: String, tags: &[&str]) {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schemathesis.toml");
    fs::write(&file, config).unwrap();
    let mut run = Command::new(program);
    run.arg("--config-file").arg(file).arg("run").arg(format!("http://{}/v1/openapi.json", engine.address()));
    run.args(["--header", &format!("Authorization: Bearer {key}"), "--checks", CHECKS]);
    run.args(["--phases", "coverage,fuzzing", "--max-examples", "2"]);
    // The first upload of a script compiles what runs it, which takes its time where nothing else is quick.
    run.args(["--generation-deterministic", "--no-color", "--request-timeout", "120"])
        .current_dir(folder.path());
    // It does not end by itself, and has stories of its own.
    run.args(["--exclude-path", "/v1/stream"]);
    run.args(tags.iter().flat_map(|tag| ["--include-tag", tag]));
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("Test cases:"), "{told}");
    assert_eq!(engine.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn every_answer_is_as_the_description_says_and_none_is_a_failure() {
    let (engine, receiver) = (engine().await, Receiver::start().await);
    let config = furnish(&engine, &receiver).await;
    ask(&engine, engine.key(), config, &[]).await;
}

#[tokio::test]
async fn what_the_operator_is_answered_is_as_the_description_says() {
    const KEY: &str = "an-operators-key-for-this-story";
    let engine = Engine::setup().environment("LEADHOOK_OPERATOR_KEY", KEY).start().await;
    let config = format!(
        "{SUPPRESSED}[[operations]]\ninclude-path-regex = '^/v1/accounts/'\nparameters = {{ id = '1' }}\n"
    );
    ask(&engine, KEY, config, &["accounts", "audit", "upkeep"]).await;
}
