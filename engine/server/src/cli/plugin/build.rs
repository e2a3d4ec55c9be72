//! `leadhook plugin build`: a plugin's folder to a component that an engine takes.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::SystemTime,
};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use wit_component::ComponentEncoder;

use super::{check, interpreted};
use crate::cli::terminal::Terminal;

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin build
  leadhook plugin build ~/plugins/add-phone

Puts NAME.wasm, a component, into the folder. A crate is built by `cargo build --release` for
wasm32-unknown-unknown. For JavaScript componentize-qjs is fetched into node_modules by npm, for Python
componentize-py into .venv by pip, once, and the registry is needed for it. A folder with scripts has
nothing to build; they are checked.";

const TARGET: &str = "wasm32-unknown-unknown";

/// What is built.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Builds and checks.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let dir = &options.dir;
    let built = match Source::of(dir) {
        Some(Source::Rust) => vec![crate_in(dir)?],
        Some(Source::JavaScript) => vec![interpreted::javascript(dir)?],
        Some(Source::Python) => vec![interpreted::python(dir)?],
        None => with_extension(dir, "rhai")?,
    };
    if built.is_empty() {
        bail!(
            "{} has no Cargo.toml, package.json, pyproject.toml or .rhai; `leadhook plugin new` makes a folder",
            dir.display()
        );
    }
    built.iter().try_for_each(|file| check::tell(file, false, terminal))?;
    Ok(ExitCode::SUCCESS)
}

/// What a folder holds that is built; a folder of scripts has none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A crate.
    Rust,
    /// A package of npm with a plugin.js.
    JavaScript,
    /// A project of Python with a plugin.py.
    Python,
}

impl Source {
    /// What a folder holds, by its manifest.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let manifests = [
            ("Cargo.toml", Self::Rust),
            ("package.json", Self::JavaScript),
            ("pyproject.toml", Self::Python),
        ];
        manifests.into_iter().find(|(manifest, _)| dir.join(manifest).is_file()).map(|(_, source)| source)
    }

    /// When what the author writes was written last.
    pub(super) fn written(self, dir: &Path) -> Option<SystemTime> {
        let (folder, extension) = match self {
            Self::Rust => (dir.join("src"), "rs"),
            Self::JavaScript => (dir.to_owned(), "js"),
            Self::Python => (dir.to_owned(), "py"),
        };
        let files = with_extension(&folder, extension).ok()?;
        files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok()).max()
    }
}

/// The files of a folder with this extension, by name.
pub(super) fn with_extension(dir: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut found: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    found.sort();
    Ok(found)
}

/// Builds a crate, and puts the component beside its manifest.
fn crate_in(dir: &Path) -> anyhow::Result<PathBuf> {
    look_for_target(dir)?;
    let module = module_of(dir)?;
    let wasm = fs::read(&module).with_context(|| format!("{} cannot be read", module.display()))?;
    let component = ComponentEncoder::default().validate(true).module(&wasm).and_then(|it| it.encode());
    let component = component.map_err(|error| {
        anyhow!("{}: {error:#}; does the crate call `leadhook_plugin::export!`?", module.display())
    })?;
    let name = module.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    let file = dir.join(format!("{name}.wasm"));
    fs::write(&file, component).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// A compiler without the target says "can't find crate for `core`", which helps nobody.
fn look_for_target(dir: &Path) -> anyhow::Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut command = Command::new(rustc);
    command.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]);
    let output = command.output().map_err(|error| missing("rustc", &error))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !Path::new(&folder).is_dir() {
        bail!("the Rust compiler has no target {TARGET}; `rustup target add {TARGET}` adds it");
    }
    Ok(())
}

/// Runs Cargo, and answers the module that it made.
fn module_of(dir: &Path) -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .current_dir(dir)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| missing("cargo", &error))?;
    if !output.status.success() {
        bail!("{} does not build; Cargo says why above", dir.join("Cargo.toml").display());
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    last_module(&lines).with_context(|| {
        let manifest = dir.join("Cargo.toml");
        format!(
            "{} makes no .wasm; it needs `[lib]` with crate-type = [\"cdylib\", \"rlib\"]",
            manifest.display()
        )
    })
}

/// The `.wasm` that Cargo told last: that of the crate itself, since what it depends on is built before.
fn last_module(lines: &str) -> Option<PathBuf> {
    let files = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("filenames")?.as_array().cloned();
    let files = lines.lines().filter_map(files).flatten();
    let mut modules = files.filter_map(|file| Some(PathBuf::from(file.as_str()?)));
    modules.rfind(|path| path.extension().is_some_and(|extension| extension == "wasm"))
}

fn missing(program: &str, error: &io::Error) -> anyhow::Error {
    anyhow!("{program} does not start: {error}; https://rustup.rs installs Rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::of(folder.path()), None);
        for (manifest, source) in [
            ("pyproject.toml", Source::Python),
            ("package.json", Source::JavaScript),
            ("Cargo.toml", Source::Rust),
        ] {
            fs::write(folder.path().join(manifest), "").unwrap();
            assert_eq!(Source::of(folder.path()), Some(source));
        }
        assert_eq!(Source::Python.written(folder.path()), None);
        fs::write(folder.path().join("plugin.py"), "").unwrap();
        assert!(Source::Python.written(folder.path()).is_some());
    }

    #[test]
    fn the_module_is_the_last_that_cargo_tells() {
        let lines = "{\"filenames\":[\"/t/libserde.rlib\"]}\nnoise\n{\"filenames\":[\"/t/a.wasm\",\"/t/liba.rlib\"]}\n\
            {\"reason\":\"build-finished\"}";
        assert_eq!(last_module(lines), Some(PathBuf::from("/t/a.wasm")));
        assert_eq!(last_module("{\"filenames\":[\"/t/liba.rlib\"]}"), None);
    }
}
