//! Plugins in JavaScript and Python: what builds them is fetched once into their folder, and called.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use toml::Table;

/// What was installed last, in a file beside it, so that it is installed again only where that changed.
const INSTALLED: &str = "leadhook-installed";

/// Builds the plugin.js of a folder with a package.json, and answers the component.
pub(super) fn javascript(dir: &Path) -> anyhow::Result<PathBuf> {
    let manifest = dir.join("package.json");
    let text = read(&manifest)?;
    let package: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", manifest.display()))?;
    let name =
        package["name"].as_str().with_context(|| format!("{}: `name` is missing", manifest.display()))?;
    starts("node", "https://nodejs.org has Node.js")?;
    let wanted = format!("{}{}", package["dependencies"], package["devDependencies"]);
    once_installed(&dir.join("node_modules"), &wanted, || {
        starts("npm", "it comes with Node.js from https://nodejs.org")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error"]);
        succeed(
            npm.current_dir(dir),
            "npm cannot install what package.json names; it needs the registry once",
        )
    })?;
    let file = component(name)?;
    let mut node = Command::new("node");
    node.current_dir(dir).arg("leadhook-plugin/build.js").arg(&file);
    succeed(&mut node, "plugin.js cannot be built")?;
    Ok(dir.join(file))
}

/// Builds the plugin.py of a folder with a pyproject.toml, and answers the component.
pub(super) fn python(dir: &Path) -> anyhow::Result<PathBuf> {
    let manifest = dir.join("pyproject.toml");
    let table: Table =
        read(&manifest)?.parse().with_context(|| format!("{} is no TOML", manifest.display()))?;
    let project = table.get("project").and_then(toml::Value::as_table);
    let project = project.with_context(|| format!("{}: [project] is missing", manifest.display()))?;
    let name = project.get("name").and_then(toml::Value::as_str);
    let name = name.with_context(|| format!("{}: `name` is missing", manifest.display()))?;
    let dependencies = project.get("dependencies").and_then(toml::Value::as_array);
    let wanted: Vec<_> = dependencies.into_iter().flatten().filter_map(toml::Value::as_str).collect();
    let environment = dir.join(".venv");
    once_installed(&environment, &wanted.join("\n"), || {
        starts("python3", "https://www.python.org has Python")?;
        let mut venv = Command::new("python3");
        venv.current_dir(dir).args(["-m", "venv", ".venv"]);
        succeed(&mut venv, "python3 cannot make .venv; Debian has this in python3-venv")?;
        let mut pip = Command::new(own_python(&environment)?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(&wanted);
        succeed(&mut pip, "pip cannot install what pyproject.toml names; it needs the registry once")
    })?;
    let file = component(name)?;
    let mut build = Command::new(own_python(&environment)?);
    build.current_dir(dir).args(["-m", "leadhook_plugin.build"]).arg(&file);
    succeed(&mut build, "plugin.py cannot be built")?;
    Ok(dir.join(file))
}

/// The name of the component that a plugin of this name is built to; of an npm name with a scope the last part.
fn component(name: &str) -> anyhow::Result<String> {
    let last = Path::new(name).file_name().and_then(OsStr::to_str);
    last.map(|last| format!("{last}.wasm")).with_context(|| format!("`{name}` is no name for a plugin"))
}

/// The interpreter of a virtual environment, by a path that holds in every folder.
fn own_python(environment: &Path) -> anyhow::Result<PathBuf> {
    let found = environment.canonicalize();
    Ok(found.with_context(|| format!("{} is missing", environment.display()))?.join("bin/python"))
}

/// Installs into a folder, unless the same was installed there before.
fn once_installed(
    folder: &Path,
    wanted: &str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = folder.join(INSTALLED);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Whether a program is here.
fn starts(program: &str, where_from: &str) -> anyhow::Result<()> {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!("`{program} --version` ends with {}; {where_from}", output.status),
        Err(error) => bail!("{program} does not start: {error}; {where_from}"),
    }
}

/// Runs a program to its end; what it prints goes to standard error, since what is built is told on the other.
fn succeed(command: &mut Command, otherwise: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status();
    match status.with_context(|| format!("{program} does not start"))?.success() {
        true => Ok(()),
        false => Err(anyhow!("{otherwise}; it is told above why")),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_builds_a_plugin_is_installed_once_and_again_where_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let count = Cell::new(0);
        let install = |wanted| {
            once_installed(folder.path(), wanted, || {
                count.set(count.get() + 1);
                Ok(())
            })
        };
        for wanted in ["a==1", "a==1", "a==2", "a==2"] {
            install(wanted).unwrap();
        }
        assert_eq!(count.get(), 2);
        once_installed(folder.path(), "a==3", || bail!("no network")).unwrap_err();
        install("a==3").unwrap();
        assert_eq!(count.get(), 3, "what failed is tried again");
    }

    #[test]
    fn a_component_is_named_after_its_plugin_and_stays_in_its_folder() {
        for (name, file) in [("add-phone", "add-phone.wasm"), ("@me/add", "add.wasm"), ("../../x", "x.wasm")]
        {
            assert_eq!(component(name).unwrap(), file);
        }
        assert!(component("..").is_err() && component("").is_err());
    }

    #[test]
    fn a_program_that_is_not_here_is_named_with_where_it_is_from() {
        let error = starts("no-such-program-here", "https://program.example").unwrap_err().to_string();
        assert!(
            error.contains("no-such-program-here") && error.contains("https://program.example"),
            "{error}"
        );
    }
}
