//! A plugin goes from nothing to a tested file by the command line alone, in Rust and as a script, and into an engine.

use std::{fs, path::Path, process::Command, time::Duration};

use leadhook_harness::{Ended, Program, Receiver};
use leadhook_tests::root;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{engine, id, in_state, post_calls, webhook};

/// The longest that a command may take: an interpreter is compiled in half a minute, where nothing else is going on.
const COMMAND_MAX: Duration = Duration::from_secs(300);

/// A folder for plugins, and beside it one for compiled code.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    pub(crate) async fn plugin(&self, arguments: &[&str]) -> Ended {
        let (cache, target) = (self.path("cache"), target());
        // The registry's files are there; what a stranger's machine fetches is not what is told here.
        let environment = [
            ("XDG_CACHE_HOME", cache.as_str()),
            ("CARGO_NET_OFFLINE", "true"),
            ("CARGO_TARGET_DIR", target.as_str()),
        ];
        let program = Program::start_in(&environment, ["plugin"].iter().chain(arguments).copied());
        program.end_within(COMMAND_MAX).await
    }

    #[track_caller]
    pub(crate) fn done(ended: &Ended, part: &str) {
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(part), "`{part}` is missing in\n{}", ended.stdout);
    }
}

/// Where plugins are built: what they depend on is built once, and kept with what this test is built from.
fn target() -> String {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("plugins-of-stories").to_string_lossy().into_owned()
}

/// Builds what a plugin depends on, which takes longer than a story waits for a command.
fn build_ahead(folder: &str) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target());
    cargo.args(["build", "--offline", "--quiet", "--release", "--lib", "--target", "wasm32-unknown-unknown"]);
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Runs a plugin over its fixtures, over one lead, and against another version of itself.
pub(crate) async fn try_out(desk: &Desk, folder: &str, file: &str) {
    Desk::done(&desk.plugin(&["check", file]).await, "transform");
    Desk::done(&desk.plugin(&["test", folder]).await, "2 fixtures passed");

    let fixture = |name: &str| format!("{folder}/fixtures/with-phone/{name}.json");
    let (lead, request) = (fixture("lead"), fixture("request"));
    let ended = desk.plugin(&["run", file, "-i", &lead, "--request", &request, "--json"]).await;
    Desk::done(&ended, "came_out");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        told["changes"],
        json!([{ "path": "body.form.phone", "before": null, "after": "+79990001001" }])
    );
    assert!(told["runs"][0]["fuel"].as_u64().unwrap() > 0);

    let events = root().join("examples/leads/call-dynamic.json").to_string_lossy().into_owned();
    Desk::done(&desk.plugin(&["run", file, "-i", &events]).await, "body.form.phone: nothing → \"+");

    let samples = format!("{folder}/fixtures");
    Desk::done(&desk.plugin(&["diff", file, file, "--samples", &samples]).await, "all the same");
    let ended = desk.plugin(&["bench", file, "-i", &lead, "--seconds", "1", "--json"]).await;
    Desk::done(&ended, "median_us");
}

/// Writes phones with two zeros in place of the plus.
pub(crate) fn edit(source: &str) {
    let first = fs::read_to_string(source).unwrap();
    let second = first.replace("\"+{phone}\"", "\"00{phone}\"").replace("\"+\" + lead", "\"00\" + lead");
    let second = second.replace("`+${phone}`", "`00${phone}`");
    assert_ne!(first, second);
    fs::write(source, second).unwrap();
}

/// A fixture that expects something else, and one that allows less fuel, fail and say why.
pub(crate) async fn breaks(desk: &Desk, folder: &str) {
    let file = |name: &str| Path::new(folder).join("fixtures/with-phone").join(name);
    fs::write(file("config.json"), "{\"field\": \"mobile\"}").unwrap();
    let ended = desk.plugin(&["test", folder]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("send.body.form.mobile: nothing → \"+79990001001\""), "{}", ended.stdout);
    Desk::done(&desk.plugin(&["test", folder, "--update"]).await, "written");
    Desk::done(&desk.plugin(&["test", folder]).await, "2 fixtures passed");
    fs::write(file("limits.json"), "{\"fuel_max\": 10}").unwrap();
    let ended = desk.plugin(&["test", folder]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("limits.json allows 10"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_script_is_made_tested_pushed_rolled_back_and_replayed() {
    let desk = Desk::new();
    let folder = desk.path("add-phone");
    Desk::done(&desk.plugin(&["new", "add-phone", "--lang", "rhai", "--dir", &folder]).await, "is made");
    let file = format!("{folder}/add-phone.rhai");
    Desk::done(&desk.plugin(&["build", &folder]).await, "a script");
    try_out(&desk, &folder, &file).await;
    breaks(&desk, &folder).await;
    delivers(&desk, &file, async || edit(&file)).await;

    fs::write(&file, "let a = 1;\nif a { skip( }").unwrap();
    let ended = desk.plugin(&["check", &file]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("add-phone.rhai:2:"), "{}", ended.stderr);
    let ended = desk.plugin(&["new", "add-phone", "--lang", "rhai", "--dir", &folder]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("is there already"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_plugin_in_rust_is_made_built_tested_pushed_rolled_back_and_replayed() {
    let desk = Desk::new();
    let folder = desk.path("add-phone");
    Desk::done(&desk.plugin(&["new", "add-phone", "--lang", "rust", "--dir", &folder]).await, "is made");
    let ended = desk.plugin(&["test", &folder]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("leadhook plugin build"), "{}", ended.stderr);
    // The versions of this workspace, which are here without a network.
    fs::copy(root().join("Cargo.lock"), Path::new(&folder).join("Cargo.lock")).unwrap();
    build_ahead(&folder);
    let ended = desk.plugin(&["build", &folder]).await;
    Desk::done(&ended, "a component");
    let file = format!("{folder}/add-phone.wasm");
    try_out(&desk, &folder, &file).await;
    breaks(&desk, &folder).await;
    delivers(&desk, &file, async || {
        edit(&format!("{folder}/src/lib.rs"));
        Desk::done(&desk.plugin(&["build", &folder]).await, "a component");
    })
    .await;
}

/// An uploaded plugin rewrites what is delivered, and its log is shown; a second version does so otherwise, until the first
/// comes back; and each delivery is replayed to the byte, whichever version is the current one.
pub(crate) async fn delivers(desk: &Desk, file: &str, write_second: impl AsyncFnOnce()) {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let server = format!("http://{}", engine.address());
    let access = ["--server", &server, "--key", engine.key()];
    let on_engine = async |arguments: &[&str]| desk.plugin(&[arguments, &access].concat()).await;
    Desk::done(&on_engine(&["push", file]).await, "uploaded add-phone");
    let first = current(&on_engine(&["list", "--json"]).await);

    let transform = json!([{ "plugin": "add-phone", "config": { "field": "tel" } }]);
    let saved = webhook(&engine, json!({ "url": receiver.url("/hook"), "transform": transform })).await;
    let sent = async |call: u64, already: usize| {
        post_calls(&engine, [call]).await;
        in_state(&engine, &saved, "delivered", already + 1).await;
        receiver.requests().pop().unwrap()
    };
    let request = sent(7, 0).await;
    assert_eq!(request.pair("tel").as_deref(), Some("+79990000007"), "{}", request.text());
    Desk::done(&on_engine(&["logs", "add-phone"]).await, "transform sent");

    write_second().await;
    Desk::done(&on_engine(&["push", file]).await, "uploaded add-phone");
    assert_ne!(current(&on_engine(&["list", "--json"]).await), first);
    assert_eq!(sent(8, 1).await.pair("tel").as_deref(), Some("0079990000008"));
    Desk::done(&on_engine(&["rollback", "add-phone", &first[..12]]).await, "current is add-phone");
    assert_eq!(current(&on_engine(&["list", "--json"]).await), first);
    assert_eq!(sent(9, 2).await.pair("tel").as_deref(), Some("+79990000009"));

    for delivery in in_state(&engine, &saved, "delivered", 3).await {
        let arguments = ["replay", "--delivery", id(&delivery)];
        Desk::done(&on_engine(&arguments).await, "the same, byte for byte");
        let ended = on_engine(&[arguments.as_slice(), &["--json"]].concat()).await;
        let told: Value = serde_json::from_str(&ended.stdout).unwrap();
        let came = receiver.requests();
        let came = came.iter().find(|request| request.header("webhook-id") == Some(id(&delivery))).unwrap();
        assert_eq!(told["renderings"][0]["request"]["body"].as_str(), Some(came.text().as_str()));
    }
}

/// The SHA-256 of the plugin's current version, out of the list of plugins.
fn current(listed: &Ended) -> String {
    let mut plugins = listed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let plugin = plugins.find(|plugin| plugin["name"] == "add-phone").unwrap();
    plugin["sha256"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_in_words() {
    let desk = Desk::new();
    let file = desk.path("a.wasm");
    fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
    let ended = desk.plugin(&["check", &file]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("a.wasm: "), "{}", ended.stderr);
    for (arguments, word) in [
        (["new", "Add", "--lang", "rhai"].as_slice(), "small letters"),
        (&["check", "/no/such.wasm"], "/no/such.wasm cannot be read"),
        (&["test", "/no/such"], "/no/such"),
        (&["build", &desk.path("")], "leadhook plugin new"),
        (&["push", &file, "--server", "ftp://x"], "a.wasm: "),
    ] {
        let ended = desk.plugin(arguments).await;
        assert!(ended.code != Some(0) && ended.stderr.contains(word), "{arguments:?}: {}", ended.stderr);
    }
}
