//! Plugins that were built when interface 1 was frozen come out as they did then: what was built once goes on running.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::{fs, io::Read as _, path::PathBuf};

use leadhook_core::plugin::LogLevel as Level;
use leadhook_testkit::{Checked, Kit, check_folder};
use leadhook_tests::root;
use lzma_rust2::XzReader;
use sha2::{Digest as _, Sha256};

fn golden() -> PathBuf {
    root().join("tests/data/golden")
}

/// A built plugin, which nobody may have replaced by a newer one.
fn built(language: &str, sha256: &str) -> Vec<u8> {
    let packed = fs::read(golden().join(format!("{language}.wasm.xz"))).unwrap();
    let mut wasm = Vec::new();
    XzReader::new(packed.as_slice(), false).read_to_end(&mut wasm).unwrap();
    let found: String = Sha256::digest(&wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, sha256, "a golden file is added to, never replaced: see its README.md");
    wasm
}

/// Compiled code is kept beside the tests, since an interpreter takes long to compile.
fn kit() -> Kit {
    Kit::with_cache(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden")).unwrap()
}

/// Runs a plugin over the fixtures of a folder.
#[track_caller]
fn comes_out(kit: &Kit, code: &[u8], folder: &str) -> Vec<Checked> {
    let checked = check_folder(&kit.load(code).unwrap(), &golden().join(folder), false).unwrap();
    for one in &checked {
        assert!(one.fate.is_good(), "{}: {:?}", one.name, one.fate);
    }
    checked
}

/// A plugin of one language: what scripts can do too, and what plugins alone can.
#[track_caller]
fn comes_out_as_it_did(language: &str, sha256: &str) {
    let (kit, wasm) = (kit(), built(language, sha256));
    assert_eq!(kit.sandbox().check(&wasm).unwrap().interface, "1.0.0");
    assert_eq!(comes_out(&kit, &wasm, "common").len(), 10);
    let checked = comes_out(&kit, &wasm, "plugins");
    let logs = checked.iter().find(|one| one.name == "logs").unwrap();
    let lines: Vec<_> =
        logs.runs.iter().flat_map(|run| &run.log).map(|line| (line.level, line.text.as_str())).collect();
    let expected =
        [(Level::Debug, "one"), (Level::Info, "two"), (Level::Warn, "three"), (Level::Error, "четыре")];
    assert_eq!(lines, expected);
}

#[test]
fn a_plugin_in_rust_for_interface_1_comes_out_as_it_did() {
    comes_out_as_it_did("rust", "0fc4e44a27c27132d811a073b29c032308c8552ab361b251ea49807d07719e16");
}

#[test]
fn a_plugin_in_javascript_for_interface_1_comes_out_as_it_did() {
    comes_out_as_it_did("js", "7fd71fd373080d1cc436cde37c73efe56ef43e0ab0c1f0f3a80ebe5f5caf1d3e");
}

#[test]
fn a_plugin_in_python_for_interface_1_comes_out_as_it_did() {
    comes_out_as_it_did("python", "8d8cfdf82667b67f1002742cdff4ae568d78a10a7e784a814c67a0d2e3a347f3");
}

#[test]
fn a_script_of_interface_1_comes_out_as_it_did() {
    let kit = kit().runner(leadhook_bundled::RHAI_RUNNER).unwrap();
    let script = fs::read(golden().join("golden.rhai")).unwrap();
    assert_eq!(comes_out(&kit, &script, "common").len(), 10);
}
