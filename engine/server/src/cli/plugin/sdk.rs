//! The Rust SDK as this binary carries it, so that a plugin builds wherever the binary is.

use std::{fs, path::Path};

use anyhow::Context as _;
use toml::{Table, Value};

/// The manifest of the workspace: it has the versions.
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
const MANIFEST: &str = include_str!("../../../../../sdk/plugin/Cargo.toml");

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../sdk/plugin/", $path)))),+]
    };
}

/// Every file of the crate but its manifest.
const FILES: &[(&str, &str)] = files![
    "README.md",
    "src/delivery.rs",
    "src/export.rs",
    "src/fixture.rs",
    "src/host.rs",
    "src/kv.rs",
    "src/lead.rs",
    "src/lib.rs",
    "src/mock.rs",
    "src/parameter.rs",
    "src/request.rs",
    "src/response.rs",
    "src/template.rs",
    "src/verdict.rs",
    "src/wire.rs",
    "wit/plugin.wit",
];

/// Writes the crate `leadhook-plugin` into a folder that does not exist yet.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let manifest = manifest()?;
    for (path, text) in FILES.iter().copied().chain([("Cargo.toml", manifest.as_str())]) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
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
    fn the_binary_carries_every_file_of_the_sdk() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/plugin");
        let mut there = Vec::new();
        for part in ["src", "wit"] {
            for entry in fs::read_dir(folder.join(part)).unwrap() {
                there.push(format!("{part}/{}", entry.unwrap().file_name().to_string_lossy()));
            }
        }
        there.sort();
        let carried: Vec<_> = FILES.iter().map(|(path, _)| *path).filter(|path| path.contains('/')).collect();
        assert_eq!(carried, there);
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
