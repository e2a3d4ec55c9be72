//! The SDKs as this binary carries them, so that a plugin builds wherever the binary is.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::Value as Json;
use toml::{Table, Value};

/// The manifest of the workspace: it has the versions.
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
const MANIFEST: &str = include_str!("../../../../../sdk/plugin/Cargo.toml");

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../sdk/", $folder, "/", $path)))),+]
    };
}

/// Every file of the crate `leadhook-plugin` but its manifest.
const RUST: &[(&str, &str)] = files![
    "plugin":
    "README.md",
    "src/delivery.rs",
    "src/export.rs",
    "src/fixture.rs",
    "src/heap.rs",
    "src/host.rs",
    "src/kv.rs",
    "src/lead.rs",
    "src/lib.rs",
    "src/members.rs",
    "src/mock.rs",
    "src/parameter.rs",
    "src/request.rs",
    "src/response.rs",
    "src/template.rs",
    "src/verdict.rs",
    "src/wire.rs",
    "wit/plugin.wit",
];

/// Every file of the JavaScript module that a plugin needs.
const JAVASCRIPT: &[(&str, &str)] = files![
    "js":
    "README.md",
    "build.js",
    "engine.js",
    "entry.js",
    "fixture.d.ts",
    "fixture.js",
    "host.js",
    "index.d.ts",
    "index.js",
    "kv.js",
    "lead.js",
    "mock.d.ts",
    "mock.js",
    "package.json",
    "parameter.js",
    "request.js",
    "response.js",
    "text.js",
    "verdict.js",
    "wire.js",
    "wit/plugin.wit",
];

/// Every file of the Python package.
const PYTHON: &[(&str, &str)] = files![
    "python/leadhook_plugin":
    "__init__.py",
    "build.py",
    "delivery.py",
    "engine.py",
    "entry.py",
    "fixture.py",
    "host.py",
    "kv.py",
    "lead.py",
    "log.py",
    "mock.py",
    "parameter.py",
    "py.typed",
    "request.py",
    "response.py",
    "verdict.py",
    "wire.py",
    "wit/plugin.wit",
];

/// What builds a plugin in JavaScript, as npm names it with its version.
pub(super) fn npm_versions() -> anyhow::Result<Json> {
    let (_, text) = JAVASCRIPT.iter().find(|(path, _)| *path == "package.json").context("it is carried")?;
    Ok(serde_json::from_str::<Json>(text)?["devDependencies"].take())
}

/// What builds a plugin in Python, as pip names it with its version.
pub(super) fn pip_versions() -> anyhow::Result<Value> {
    const PROJECT: &str = include_str!("../../../../../sdk/python/pyproject.toml");
    Ok(PROJECT.parse::<Table>()?["project"]["dependencies"].clone())
}

/// Writes the crate `leadhook-plugin` into a folder that does not exist yet.
pub(super) fn write_rust(folder: &Path) -> anyhow::Result<()> {
    put(&folder.join("Cargo.toml"), &manifest()?)?;
    put_all(folder, RUST)
}

/// Writes the JavaScript module into a folder.
pub(super) fn write_javascript(folder: &Path) -> anyhow::Result<()> {
    put_all(folder, JAVASCRIPT)
}

/// Writes the Python package into a folder.
pub(super) fn write_python(folder: &Path) -> anyhow::Result<()> {
    put_all(folder, PYTHON)
}

fn put_all(folder: &Path, files: &[(&str, &str)]) -> anyhow::Result<()> {
    files.iter().try_for_each(|(path, text)| put(&folder.join(path), text))
}

/// Writes a file, and the folders on the way to it.
pub(super) fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// What the manifest of a plugin says about a dependency that the workspace has a version of.
pub(super) fn version(name: &str) -> anyhow::Result<Value> {
    workspace()?["dependencies"].get(name).cloned().with_context(|| format!("`{name}` has no version"))
}

fn workspace() -> anyhow::Result<Table> {
    let mut manifest: Table = WORKSPACE.parse()?;
    match manifest.remove("workspace") {
        Some(Value::Table(workspace)) => Ok(workspace),
        _ => anyhow::bail!("the workspace's manifest has no workspace"),
    }
}

/// The crate's manifest without a workspace around it.
fn manifest() -> anyhow::Result<String> {
    let workspace = workspace()?;
    let mut manifest: Table = MANIFEST.parse()?;
    manifest.remove("lints");
    let of = |table: &str| workspace.get(table).and_then(Value::as_table);
    inherit(manifest.get_mut("package"), of("package"));
    inherit(manifest.get_mut("dependencies"), of("dependencies"));
    let targets = manifest.get_mut("target").and_then(Value::as_table_mut);
    for (_, target) in targets.into_iter().flatten() {
        inherit(target.get_mut("dependencies"), of("dependencies"));
    }
    Ok(manifest.to_string())
}

/// Puts what the workspace says in place of `workspace = true`.
fn inherit(table: Option<&mut Value>, workspace: Option<&Table>) {
    for (name, said) in table.and_then(Value::as_table_mut).into_iter().flatten() {
        let inherits = said.get("workspace").and_then(Value::as_bool) == Some(true);
        if let Some(value) = workspace.and_then(|workspace| workspace.get(name.as_str())).filter(|_| inherits)
        {
            *said = value.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_carries_every_file_of_each_sdk() {
        for (folder, parts, files) in [
            ("plugin", ["src", "wit"].as_slice(), RUST),
            ("js", &["", "wit"], JAVASCRIPT),
            ("python/leadhook_plugin", &["", "wit"], PYTHON),
        ] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(folder);
            let mut there = Vec::new();
            for part in parts {
                let entries = fs::read_dir(folder.join(part)).unwrap();
                let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
                there.extend(paths.map(|path| path.strip_prefix(&folder).unwrap().to_owned()));
            }
            there.sort();
            let told_apart = |path: &&Path| path.parent() != Some(Path::new("")) || parts.contains(&"");
            let carried: Vec<_> = files.iter().map(|(path, _)| Path::new(path)).filter(told_apart).collect();
            assert_eq!(carried, there);
        }
    }

    #[test]
    fn the_versions_that_build_are_pinned() {
        let npm = npm_versions().unwrap();
        assert!(
            npm["componentize-qjs"].as_str().is_some_and(|version| version.starts_with(char::is_numeric))
        );
        assert!(pip_versions().unwrap()[0].as_str().is_some_and(|one| one.starts_with("componentize-py==")));
    }

    #[test]
    fn the_sdk_stands_alone() {
        let manifest: Table = manifest().unwrap().parse().unwrap();
        assert!(!manifest.to_string().contains("workspace"), "{manifest}");
        assert_eq!(manifest["package"]["name"].as_str(), Some("leadhook-plugin"));
        assert!(manifest["dependencies"]["serde"]["version"].is_str());
        assert!(version("serde_json").unwrap().get("version").is_some());
    }
}
