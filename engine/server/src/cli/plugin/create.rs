//! `leadhook plugin new`: a folder with a plugin that builds and whose tests pass.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use serde_json::json;
use toml::Value;

use super::sdk::{self, put};
use crate::cli::terminal::{Style, Terminal};

pub(super) const HELP: &str = "\
Examples:
  leadhook plugin new add-phone --lang rhai
  leadhook plugin new add-phone --lang rust
  leadhook plugin new add-phone --lang js
  leadhook plugin new add-phone --lang python
  leadhook plugin new add-phone --lang rust --sdk ~/leadhook/sdk/plugin

What a plugin needs of leadhook is written into the folder, as this binary was built with it. For Rust,
--sdk PATH names the crate `leadhook-plugin` at that path instead.";

/// The longest name of a plugin.
const NAME_CHARACTERS_MAX: usize = 64;

const WITH_PHONE: &[(&str, &str)] = &[
    ("lead.json", include_str!("templates/with-phone.lead.json")),
    ("request.json", include_str!("templates/with-phone.request.json")),
    ("config.json", "{ \"field\": \"tel\" }\n"),
    ("expected.json", include_str!("templates/with-phone.expected.json")),
];

const WITHOUT_PHONE: &[(&str, &str)] = &[
    ("lead.json", include_str!("templates/without-phone.lead.json")),
    ("expected.json", "{ \"skip\": \"the lead has no phone\" }\n"),
];

/// What is made.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The plugin's name: small letters, digits and hyphens, a letter first
    #[arg(value_parser = read_name)]
    name: String,
    /// What it is written in
    #[arg(long)]
    lang: Language,
    /// Where it is made; a folder of its name unless given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The folder of the crate `leadhook-plugin`, for Rust
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// A crate that is built to WebAssembly
    Rust,
    /// A module in JavaScript that is built to WebAssembly with an interpreter
    Js,
    /// A module in Python that is built to WebAssembly with an interpreter
    Python,
    /// A script that needs no building
    Rhai,
}

fn read_name(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    match begins && name.chars().all(fits) && name.len() <= NAME_CHARACTERS_MAX {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "a name has small letters, digits and hyphens, a letter first, at most {NAME_CHARACTERS_MAX}"
        )),
    }
}

/// Makes the folder, and tells what to do next.
pub(super) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let name = &options.name;
    let folder = options.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if folder.exists() {
        bail!("{} is there already; take another name, or --dir DIR", folder.display());
    }
    if options.sdk.is_some() && options.lang != Language::Rust {
        bail!("--sdk is for --lang rust");
    }
    match options.lang {
        Language::Rust => rust(name, &folder, options.sdk.as_deref())?,
        Language::Js => javascript(name, &folder)?,
        Language::Python => python(name, &folder)?,
        Language::Rhai => {
            put(&folder.join(format!("{name}.rhai")), include_str!("templates/rhai/script.rhai"))?;
            put(&folder.join("README.md"), &named(include_str!("templates/rhai/README.md"), name))?;
        }
    }
    for (fixture, files) in [("with-phone", WITH_PHONE), ("without-phone", WITHOUT_PHONE)] {
        for (file, text) in files {
            put(&folder.join("fixtures").join(fixture).join(file), text)?;
        }
    }
    terminal.line(terminal.paint(Style::Green, format!("{} is made", folder.display())))?;
    terminal.line("Next:")?;
    terminal.line(format!("  cd {}", folder.display()))?;
    if options.lang != Language::Rhai {
        terminal.line("  leadhook plugin build")?;
    }
    terminal.line("  leadhook plugin test")?;
    Ok(ExitCode::SUCCESS)
}

fn rust(name: &str, folder: &Path, sdk_path: Option<&Path>) -> anyhow::Result<()> {
    const CARRIED: &str = "leadhook-plugin";
    let path = match sdk_path {
        Some(path) => {
            let manifest = path.join("Cargo.toml");
            let text = fs::read_to_string(&manifest).unwrap_or_default();
            if !text.contains("\"leadhook-plugin\"") {
                bail!("--sdk {}: {} is no crate `leadhook-plugin`", path.display(), manifest.display());
            }
            path.canonicalize()?.to_string_lossy().into_owned()
        }
        None => {
            sdk::write_rust(&folder.join(CARRIED))?;
            CARRIED.to_owned()
        }
    };
    put(&folder.join("Cargo.toml"), &manifest(name, &path)?)?;
    put(&folder.join("src/lib.rs"), include_str!("templates/rust/lib.rs"))?;
    put(&folder.join(".gitignore"), "/target\n*.wasm\n")?;
    put(&folder.join("README.md"), &named(include_str!("templates/rust/README.md"), name))
}

fn javascript(name: &str, folder: &Path) -> anyhow::Result<()> {
    let package = json!({ "name": name, "version": "0.1.0", "private": true, "type": "module",
        "scripts": { "test": "node --test" }, "devDependencies": sdk::npm_versions()? });
    sdk::write_javascript(&folder.join("leadhook-plugin"))?;
    put(&folder.join("package.json"), &format!("{package:#}\n"))?;
    put(&folder.join("plugin.js"), include_str!("templates/js/plugin.js"))?;
    put(&folder.join("plugin.test.js"), include_str!("templates/js/plugin.test.js"))?;
    put(&folder.join(".gitignore"), "/node_modules\n*.wasm\n")?;
    put(&folder.join("README.md"), &named(include_str!("templates/js/README.md"), name))
}

fn python(name: &str, folder: &Path) -> anyhow::Result<()> {
    let (quoted, versions) = (Value::from(name), sdk::pip_versions()?);
    let project = format!(
        "[project]\nname = {quoted}\nversion = \"0.1.0\"\nrequires-python = \">=3.10\"\n\
         # What builds the plugin, and the libraries that it imports.\ndependencies = {versions}\n"
    );
    sdk::write_python(&folder.join("leadhook_plugin"))?;
    put(&folder.join("pyproject.toml"), &project)?;
    put(&folder.join("plugin.py"), include_str!("templates/python/plugin.py"))?;
    put(&folder.join("test_plugin.py"), include_str!("templates/python/test_plugin.py"))?;
    put(&folder.join(".gitignore"), "/.venv\n__pycache__\n*.wasm\n")?;
    put(&folder.join("README.md"), &named(include_str!("templates/python/README.md"), name))
}

fn named(text: &str, name: &str) -> String {
    text.replace("{{name}}", name)
}

/// The manifest of a plugin's crate.
fn manifest(name: &str, sdk: &str) -> anyhow::Result<String> {
    let (name, sdk, serde) = (Value::from(name), Value::from(sdk), sdk::version("serde")?);
    Ok(format!(
        r#"[package]
name = {name}
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
leadhook-plugin = {{ path = {sdk} }}
serde = {serde}

# Small, and quick from the first instruction.
[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = "abort"
# Leaves the names of functions, which error records show.
strip = "debuginfo"

# A workspace of its own, so that it builds inside another one too.
[workspace]
"#
    ))
}
