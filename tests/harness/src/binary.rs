//! Finds the binary `leadhook` that belongs to the running test, and builds it where it is missing or old.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The binary, of the same profile as the running test. Looked for once in a process.
///
/// # Panics
/// When it has to be built and does not build.
pub(crate) fn path() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a running test knows where it lies");
        let profile =
            profile_folder(&test).unwrap_or_else(|| panic!("{} is not in a target folder", test.display()));
        let binary = profile.join(format!("leadhook{}", std::env::consts::EXE_SUFFIX));
        let built = changed(&binary);
        if built.is_none() || built < newest_source(&root()) {
            build(profile);
        }
        binary
    })
}

/// The root of the workspace.
fn root() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.ancestors().nth(2).unwrap_or(harness).to_owned()
}

/// `target/debug` for `target/debug/deps/some_test`.
fn profile_folder(test: &Path) -> Option<&Path> {
    test.parent().filter(|folder| folder.ends_with("deps"))?.parent()
}

/// When the file was last written; `None` where there is none.
fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

/// When the newest of the files was written that the binary is made from.
fn newest_source(root: &Path) -> Option<SystemTime> {
    let mut newest = changed(&root.join("Cargo.lock")).max(changed(&root.join("Cargo.toml")));
    let mut folders = vec![root.join("engine")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => newest = newest.max(changed(&entry.path())),
            }
        }
    }
    newest
}

fn build(profile: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["build", "--package", "leadhook"]);
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(name) => {
            command.args(["--profile", name]);
        }
    }
    if let Some(target) = profile.parent() {
        command.arg("--target-dir").arg(target);
    }
    let built = command.output().expect("cargo is there, since it started this test");
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the binary `leadhook` does not build:\n{told}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_lies_beside_the_folder_of_the_tests() {
        let folder = profile_folder(Path::new("/w/target/release/deps/stories-0af3"));
        assert_eq!(folder, Some(Path::new("/w/target/release")));
        assert_eq!(profile_folder(Path::new("/usr/bin/thing")), None);
    }

    #[test]
    fn a_newer_source_file_anywhere_in_the_engine_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_source(folder.path()), None);
        std::fs::create_dir_all(folder.path().join("engine/core/src")).unwrap();
        let source = folder.path().join("engine/core/src/lib.rs");
        std::fs::write(folder.path().join("Cargo.lock"), "").unwrap();
        std::fs::write(&source, "").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::open(&source).unwrap().set_modified(later).unwrap();
        assert_eq!(newest_source(folder.path()), changed(&source));
        assert!(newest_source(&root()).is_some(), "this workspace has sources");
    }
}
