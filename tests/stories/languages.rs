//! Plugins in JavaScript and Python go the same way as those in Rust, where npm and PyPI answer.
#![allow(clippy::print_stderr, reason = "what is passed over is said aloud")]

use std::{fs, path::Path, process::Command};

use leadhook_tests::root;
use serde_json::Value;
use toml::Table;

use crate::plugins::{Desk, breaks, delivers, edit, try_out};

/// A language: what its folders are named by and built with.
struct Language {
    /// As `--lang` takes it.
    name: &'static str,
    /// The file that the author writes.
    source: &'static str,
    /// What tests it natively.
    test: &'static [&'static str],
}

/// The whole way of a plugin, from nothing to a delivery that is replayed.
async fn goes_all_the_way(desk: &Desk, folder: &str, language: &Language) {
    let ended = desk.plugin(&["test", folder]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("leadhook plugin build"), "{}", ended.stderr);
    run(language.test, Path::new(folder));

    let build = async || {
        let ended = desk.plugin(&["build", folder]).await;
        Desk::done(&ended, "a component");
        assert!(!ended.stdout.contains("wasi:"), "it imports what is not ours:\n{}", ended.stdout);
    };
    build().await;
    let file = format!("{folder}/add-phone.wasm");
    try_out(desk, folder, &file).await;
    breaks(desk, folder).await;
    delivers(desk, &file, async || {
        edit(&format!("{folder}/{}", language.source));
        build().await;
    })
    .await;
}

async fn made(desk: &Desk, language: &Language) -> String {
    let folder = desk.path("add-phone");
    let arguments = ["new", "add-phone", "--lang", language.name, "--dir", &folder];
    Desk::done(&desk.plugin(&arguments).await, "is made");
    folder
}

/// Runs a command that is to succeed.
#[track_caller]
fn run(words: &[&str], folder: &Path) {
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder).output().unwrap();
    let told =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{}:\n{told}", words.join(" "));
}

/// Whether a command succeeds; where not, says aloud what is passed over.
fn answers(words: &[&str], story: &str) -> bool {
    let succeeds =
        Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success());
    if !succeeds {
        eprintln!("SKIPPED: `{}` does not succeed here, so {story}", words.join(" "));
    }
    succeeds
}

#[tokio::test]
async fn a_plugin_in_javascript_is_made_built_tested_pushed_rolled_back_and_replayed() {
    let story = "no plugin in JavaScript goes its whole way";
    let language = Language { name: "js", source: "plugin.js", test: &["node", "--test"] };
    let desk = Desk::new();
    if !answers(&["node", "--version"], story) {
        return;
    }
    let folder = made(&desk, &language).await;
    let package = fs::read_to_string(format!("{folder}/package.json")).unwrap();
    let package: Value = serde_json::from_str(&package).unwrap();
    let version = package["devDependencies"]["componentize-qjs"].as_str().unwrap();
    let tool = format!("componentize-qjs@{version}");
    if answers(&["npm", "view", "--fetch-retries=0", "--prefer-online", &tool, "dist.tarball"], story) {
        goes_all_the_way(&desk, &folder, &language).await;
    }
}

#[tokio::test]
async fn a_plugin_in_python_is_made_built_tested_pushed_rolled_back_and_replayed() {
    let story = "no plugin in Python goes its whole way";
    let language = Language { name: "python", source: "plugin.py", test: &["python3", "-m", "unittest"] };
    let desk = Desk::new();
    if !answers(&["python3", "-c", "import venv, ensurepip"], story) {
        return;
    }
    let folder = made(&desk, &language).await;
    let project: Table = fs::read_to_string(format!("{folder}/pyproject.toml")).unwrap().parse().unwrap();
    let wanted = project["project"]["dependencies"][0].as_str().unwrap();
    let fetched = desk.path("fetched");
    let fetch = ["python3", "-m", "pip", "download", "--quiet", "--retries=0", "--no-deps", "--dest"];
    if answers(&[fetch.as_slice(), &[&fetched, wanted]].concat(), story) {
        goes_all_the_way(&desk, &folder, &language).await;
    }
}

#[test]
fn the_sdk_for_javascript_passes_its_own_tests() {
    if answers(&["node", "--version"], "the tests of sdk/js are not run") {
        run(&["node", "--test"], &root().join("sdk/js"));
    }
}

#[test]
fn the_sdk_for_python_passes_its_own_tests() {
    if answers(&["python3", "--version"], "the tests of sdk/python are not run") {
        run(&["python3", "-B", "-m", "unittest"], &root().join("sdk/python"));
    }
}
