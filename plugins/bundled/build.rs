//! Builds the bundled plugins to WebAssembly and puts them where the crate embeds them from.
//!
//! It runs Cargo in Cargo, in a target folder of its own, since the outer one is locked meanwhile. That folder is shared by all
//! profiles of the outer build; nothing is built twice.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build script speaks to Cargo and to people by these"
)]

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of the workspace that plugins are built in.
const PROFILE: &str = "plugin";

/// The plugins in the order in which they are listed: folders of `plugins`, packages `leadhook-NAME`.
const NAMES: &[&str] = &[
    "amocrm",
    "bitrix24",
    "dedupe",
    "field-map",
    "ga4",
    "json-body",
    "phone-e164",
    "slack",
    "telegram",
    "working-hours",
];

/// The plugin that runs scripts. It is embedded, but not listed.
const RHAI_RUNNER: &str = "rhai-runner";

/// Variables that tell the outer Cargo how to build, and must not reach the inner one.
const NOT_INHERITED: &[&str] = &[
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\nthe bundled plugins are not built: {reason}\n");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    watch(&root);
    look_for_target()?;
    let target_folder = target_folder(&out);
    build(&root, &target_folder)?;
    for name in NAMES.iter().chain([&RHAI_RUNNER]) {
        let file = format!("leadhook_{}.wasm", name.replace('-', "_"));
        let built = target_folder.join(TARGET).join(PROFILE).join(file);
        let copied = fs::copy(&built, out.join(format!("{name}.wasm")));
        copied.map_err(|error| format!("{}: {error}", built.display()))?;
    }
    fs::write(out.join("bundled.rs"), table()).map_err(|error| error.to_string())
}

/// The table that the library includes.
fn table() -> String {
    let bytes = |name: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\"))");
    let rows: String =
        NAMES.iter().map(|name| format!("Bundled {{ name: {name:?}, wasm: {} }},\n", bytes(name))).collect();
    format!("static ALL: &[Bundled] = &[\n{rows}];\nstatic SCRIPTS: &[u8] = {};\n", bytes(RHAI_RUNNER))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; this is to be run by Cargo"))
}

/// Tells Cargo what the plugins are made from; without a change there this script is not run.
fn watch(root: &Path) {
    let of_plugin = |name: &&str| [format!("plugins/{name}/src"), format!("plugins/{name}/Cargo.toml")];
    let of_all = ["Cargo.toml", "Cargo.lock", "sdk/plugin/src", "sdk/plugin/Cargo.toml", "sdk/wit"];
    let paths = NAMES.iter().chain([&RHAI_RUNNER]).flat_map(of_plugin).chain(of_all.map(str::to_owned));
    for path in paths {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
}

/// A compiler without the target says "can't find crate for `core`", which helps nobody.
fn look_for_target() -> Result<(), String> {
    let rustc = variable("RUSTC")?;
    let output = Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = String::from_utf8_lossy(&output.map_err(|error| format!("{rustc}: {error}"))?.stdout)
        .trim()
        .to_owned();
    if Path::new(&folder).is_dir() {
        Ok(())
    } else {
        Err(format!("the compiler has no target {TARGET}; `rustup target add {TARGET}` adds it"))
    }
}

/// `plugins` in the target folder, which Cargo marks as a cache; else the script's own folder.
fn target_folder(out: &Path) -> PathBuf {
    let marked = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.unwrap_or(out).join("plugins")
}

fn build(root: &Path, target_folder: &Path) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(root).args([
        "build",
        "--locked",
        "--profile",
        PROFILE,
        "--target",
        TARGET,
        "--target-dir",
    ]);
    cargo.arg(target_folder);
    // A crate that makes keys of its own at compile time makes the same ones each time: the same sources, the same wasm.
    cargo.env("CONST_RANDOM_SEED", "leadhook");
    for name in NAMES.iter().chain([&RHAI_RUNNER]) {
        cargo.arg("--package").arg(format!("leadhook-{name}"));
    }
    for name in NOT_INHERITED {
        cargo.env_remove(name);
    }
    // The engine runs them everywhere, and what looks through a lead's text has a use for them.
    cargo.env("RUSTFLAGS", "-C target-feature=+simd128");
    let output = cargo.output().map_err(|error: io::Error| format!("Cargo does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("Cargo says\n{}", String::from_utf8_lossy(&output.stderr)))
}
