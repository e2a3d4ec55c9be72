//! What the workspace's own tests share: the files of this workspace, and what its manifests say.
#![allow(clippy::panic, reason = "it speaks to tests, which end by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::Table;

/// Folders that are not looked into: what is built, fetched or left by a run.
const FOLDERS_LEFT_OUT: &[&str] = &["target", ".git", "node_modules", "leadhook-data"];

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Every file below the folder, as a path from there, in order of names.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if !path.is_dir() {
                found.extend(path.strip_prefix(folder).map(Path::to_owned));
            } else if !FOLDERS_LEFT_OUT.iter().any(|left_out| name == *left_out) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether the file has this extension.
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|other| other == extension)
}

/// A `Cargo.toml` of the workspace.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its path from the root.
    pub path: PathBuf,
    /// What it says.
    pub table: Table,
}

/// One dependency that a manifest names.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Whether tests alone need it.
    pub is_for_tests: bool,
    /// What is said about it.
    pub said: toml::Value,
}

/// The workspace's own manifest first, then every other.
///
/// # Panics
/// When one of them is not TOML.
pub fn manifests() -> Vec<Manifest> {
    let root = root();
    let mut paths: Vec<_> = files(&root).into_iter().filter(|path| path.ends_with("Cargo.toml")).collect();
    paths.sort_by_key(|path| path.components().count());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        Manifest::parse(&path, &text)
    };
    paths.into_iter().map(read).collect()
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// # Panics
    /// When it is not TOML.
    pub fn parse(path: impl Into<PathBuf>, text: &str) -> Self {
        let path = path.into();
        let table = text.parse().unwrap_or_else(|error| panic!("{} is not TOML: {error}", path.display()));
        Self { path, table }
    }

    /// The package's name; `None` for a workspace without one.
    pub fn name(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// All dependencies: of every kind and every target.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.table.get("target").and_then(toml::Value::as_table);
        let of_targets =
            targets.into_iter().flat_map(|targets| targets.values().filter_map(toml::Value::as_table));
        let mut found = Vec::new();
        for table in std::iter::once(&self.table).chain(of_targets) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let entries = table.get(kind).and_then(toml::Value::as_table);
                found.extend(entries.into_iter().flatten().map(|(name, said)| Dependency {
                    name: name.clone(),
                    is_for_tests: kind == "dev-dependencies",
                    said: said.clone(),
                }));
            }
        }
        found
    }
}
