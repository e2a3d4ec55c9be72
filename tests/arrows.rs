//! The arrows between the crates: `core ← store, sandbox, courier ← runtime ← server`, and what stays out of core.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::{fs, path::Path};

use leadhook_tests::{Manifest, files, has_extension, manifests, root};

const MIDDLE: [&str; 3] = ["leadhook-store", "leadhook-sandbox", "leadhook-courier"];

/// What core must not know, since its functions are pure.
const NOT_IN_CORE: &[&str] = &["tokio", "hyper", "redb", "wasmtime", "rand", "tracing", "axum"];

/// Crates that may end a program's way with any error at all.
const EDGES: &[&str] = &["leadhook", "xtask", "leadhook-tests", "leadhook-bench", "leadhook-harness"];

/// The crates of this workspace that a crate may know; `None` for a crate that the arrows do not have.
fn may_know(name: &str, path: &Path) -> Option<Vec<&'static str>> {
    let core = "leadhook-core";
    Some(match name {
        "leadhook-core" | "leadhook-plugin" | "leadhook-bundled" | "leadhook-harness"
        | "leadhook-hostile" => vec![],
        "leadhook-store" | "leadhook-sandbox" | "leadhook-courier" => vec![core],
        "leadhook-runtime" => [&[core], MIDDLE.as_slice()].concat(),
        "leadhook" => {
            [&[core, "leadhook-runtime", "leadhook-bundled", "leadhook-testkit"], MIDDLE.as_slice()].concat()
        }
        "leadhook-testkit" => vec![core, "leadhook-sandbox"],
        _ if path.starts_with("plugins") => vec!["leadhook-plugin"],
        _ => return None,
    })
}

/// What some may know besides, for their tests.
fn may_know_in_tests(path: &Path) -> &'static [&'static str] {
    match path {
        _ if path.starts_with("plugins") => &["leadhook-testkit"],
        _ if path.starts_with("engine/runtime") => &["leadhook-bundled"],
        _ if path.starts_with("engine/courier") => &["leadhook-hostile"],
        _ if path.starts_with("tests/hostile") => &["leadhook-harness"],
        _ => &[],
    }
}

/// Tests and tools stand outside the product: they may know all of it, and nothing of it knows them.
fn stands_outside(name: &str) -> bool {
    ["leadhook-tests", "leadhook-bench", "leadhook-sim", "leadhook-fuzz", "leadhook-fuzz-coverage", "xtask"]
        .contains(&name)
}

/// Arrows that point the wrong way.
fn wrong_arrows(manifests: &[Manifest]) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours: Vec<_> = manifests.iter().filter_map(Manifest::name).collect();
    for (manifest, name) in manifests.iter().filter_map(|manifest| Some((manifest, manifest.name()?))) {
        if stands_outside(name) {
            continue;
        }
        let Some(known) = may_know(name, &manifest.path) else {
            wrong.push(format!("`{name}` has no place among the arrows: give it one here"));
            continue;
        };
        for dependency in manifest.dependencies() {
            let target = dependency.name.as_str();
            let for_tests = dependency.is_for_tests && may_know_in_tests(&manifest.path).contains(&target);
            if ours.contains(&target) && !known.contains(&target) && !for_tests {
                wrong.push(format!("`{name}` must not know `{target}`"));
            }
        }
    }
    wrong
}

/// Dependencies that a crate of its kind must not have.
fn out_of_place(manifests: &[Manifest]) -> Vec<String> {
    let mut found = Vec::new();
    for (manifest, name) in manifests.iter().filter_map(|manifest| Some((manifest, manifest.name()?))) {
        for dependency in manifest.dependencies().into_iter().filter(|dependency| !dependency.is_for_tests) {
            let target = dependency.name.as_str();
            if name == "leadhook-core" && NOT_IN_CORE.contains(&target) {
                found.push(format!("`{name}` decides and does nothing: `{target}` is out of place there"));
            }
            if target == "anyhow" && !EDGES.contains(&name) {
                found.push(format!("`{name}` has an error type of its own: `anyhow` is out of place there"));
            }
        }
    }
    found
}

/// What a text of core asks of the world around: the time, randomness, files. Its tests, which stand last, may.
fn impure(text: &str) -> Vec<&'static str> {
    let asks = [
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "thread_rng",
        "std::env",
        "std::fs",
        "std::net::Tcp",
    ];
    let (before_tests, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, ""));
    asks.into_iter().filter(|ask| before_tests.contains(ask)).collect()
}

/// Whether the whole file is tests.
fn is_tests(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests" || name.ends_with("_tests") || path.components().any(|part| part.as_os_str() == "tests")
}

fn manifest(name: &str, dependencies: &[&str]) -> Manifest {
    let lines: String = dependencies.iter().map(|name| format!("{name}.workspace = true\n")).collect();
    Manifest::parse(
        format!("{name}/Cargo.toml"),
        &format!("[package]\nname = '{name}'\n[dependencies]\n{lines}"),
    )
}

#[test]
fn no_arrow_points_the_wrong_way() {
    let wrong = wrong_arrows(&manifests());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_found() {
    let core = manifest("leadhook-core", &["serde"]);
    let store = manifest("leadhook-store", &["leadhook-core", "redb"]);
    let courier = manifest("leadhook-courier", &["leadhook-core"]);
    assert!(wrong_arrows(&[core.clone(), store.clone(), courier.clone()]).is_empty());
    let bad = [
        manifest("leadhook-core", &["leadhook-store"]),
        manifest("leadhook-courier", &["leadhook-store"]),
        manifest("leadhook-testkit", &["leadhook-store"]),
        manifest("leadhook-unknown", &[]),
        manifest("plugins/x", &["leadhook-core"]),
    ];
    for bad in bad {
        assert_eq!(wrong_arrows(&[bad.clone(), core.clone(), store.clone()]).len(), 1, "{bad:?}");
    }
}

#[test]
fn a_test_may_not_go_against_an_arrow_either_but_a_plugin_may_use_the_testkit() {
    let testkit = manifest("leadhook-testkit", &[]);
    let text = "[package]\nname = 'x'\n[dev-dependencies]\nleadhook-testkit.workspace = true";
    let plugin = Manifest::parse("plugins/x/Cargo.toml", text);
    assert!(wrong_arrows(&[plugin, testkit.clone()]).is_empty());
    let store = Manifest::parse("engine/store/Cargo.toml", &text.replace("'x'", "'leadhook-store'"));
    assert_eq!(wrong_arrows(&[store, testkit]), ["`leadhook-store` must not know `leadhook-testkit`"]);
}

#[test]
fn core_knows_nothing_that_acts_and_only_edges_have_any_error() {
    let found = out_of_place(&manifests());
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(out_of_place(&[manifest("leadhook-core", &["tokio"])]).len(), 1);
    assert_eq!(out_of_place(&[manifest("leadhook-store", &["anyhow", "tokio"])]).len(), 1);
    assert!(out_of_place(&[manifest("leadhook", &["anyhow", "tokio"])]).is_empty());
}

#[test]
fn core_asks_for_no_time_no_randomness_and_no_file() {
    let sources = root().join("engine/core/src");
    let mut looked_at = 0;
    for path in files(&sources).into_iter().filter(|path| has_extension(path, "rs") && !is_tests(path)) {
        let text = fs::read_to_string(sources.join(&path)).unwrap();
        assert_eq!(impure(&text), [""; 0], "{}", path.display());
        looked_at += 1;
    }
    assert!(looked_at > 10, "core has sources");
    assert_eq!(impure("let now = SystemTime::now();\n#[cfg(test)]\nmod tests {"), ["SystemTime"]);
    assert_eq!(impure("fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }"), [""; 0]);
}

#[test]
fn keys_and_signatures_are_compared_in_constant_time() {
    let compare = [
        ("engine/server/src/api/auth.rs", "operator.ct_eq(&digest)"),
        ("engine/store/src/accounts.rs", "self.digest.ct_eq(digest)"),
        ("engine/core/src/sign.rs", ".verify_slice(&code)"),
    ];
    for (path, by) in compare {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        assert!(code.contains(by), "{path} no longer compares by `{by}`");
        for other in ["digest == ", "== digest", "== *digest", "== &digest", "key == ", "== key", "code == "]
        {
            assert!(
                !code.contains(other),
                "{path} compares by `{other}`, which tells by its time where it ends"
            );
        }
    }
}
