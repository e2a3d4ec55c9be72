//! What a command needs on this machine: what it is, why, and how to get it.

use std::{
    fs::{self, DirEntry},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::run;

/// One thing that has to be here, or had better be.
pub(crate) struct Need {
    /// What it is.
    pub(crate) what: &'static str,
    /// What goes without it, said when it is missing.
    pub(crate) why: &'static str,
    /// The command that brings it here.
    pub(crate) how: &'static [&'static str],
    is_here: fn() -> bool,
}

/// Runs each test in a process of its own, several at a time.
pub(crate) const NEXTEST: Need = Need {
    what: "cargo-nextest",
    why: "tests run by plain `cargo test`, which is slower",
    how: &["cargo", "install", "cargo-nextest", "--locked"],
    is_here: || run::succeeds(run::cargo(["nextest", "--version"])),
};

/// Holds licences, sources and versions of the dependencies.
pub(crate) const DENY: Need = Need {
    what: "cargo-deny",
    why: "licences and sources of the dependencies are not checked",
    how: &["cargo", "install", "cargo-deny", "--locked"],
    is_here: || run::succeeds(run::cargo(["deny", "--version"])),
};

/// What is known to be wrong with crates. It is looked for where cargo-deny keeps it.
pub(crate) const ADVISORIES: Need = Need {
    what: "the database of advisories",
    why: "advisories on the dependencies are not checked",
    how: &["cargo", "deny", "fetch", "db"],
    is_here: || cargo_home().is_some_and(|home| has_advisories(&home.join("advisory-dbs"))),
};

/// The examples of receivers run in these, and plugins are built and tested by two of them.
pub(crate) const INTERPRETERS: [Need; 3] = [
    Need {
        what: "Node.js",
        why: "the tests pass over examples/receivers/receiver.mjs, sdk/js and plugins in JavaScript",
        how: &["see", "https://nodejs.org"],
        is_here: || answers("node"),
    },
    Need {
        what: "Python 3",
        why: "the tests pass over examples/receivers/receiver.py, sdk/python and plugins in Python",
        how: &["see", "https://www.python.org"],
        is_here: || answers("python3"),
    },
    Need {
        what: "PHP",
        why: "the tests pass over examples/receivers/receiver.php",
        how: &["see", "https://www.php.net"],
        is_here: || answers("php"),
    },
];

/// Plugins are built for it, and the binary carries some along: nothing builds without it.
pub(crate) const WASM_TARGET: Need = Need {
    what: "the Rust target wasm32-unknown-unknown",
    why: "plugins cannot be built",
    how: &["rustup", "target", "add", "wasm32-unknown-unknown"],
    is_here: || {
        let mut rustc = run::program("rustc");
        rustc.args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]);
        rustc.output().is_ok_and(|printed| {
            let folder = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
            printed.status.success() && Path::new(&folder).is_dir()
        })
    },
};

impl Need {
    /// Whether it is here; where not, says once what goes without it and how to get it.
    pub(crate) fn is_met(&self) -> bool {
        let met = (self.is_here)();
        if !met {
            println!("{} is not here: {}. To get it: {}", self.what, self.why, self.how.join(" "));
        }
        met
    }

    /// Brings it here where it is missing. Fails, saying what to do, where that cannot be done.
    pub(crate) fn fetch(&self) -> Result<()> {
        if self.is_met() {
            return Ok(());
        }
        let mut words = self.how.iter();
        let mut command = run::program(*words.next().unwrap_or(&""));
        command.args(words);
        run::run(command).with_context(|| {
            format!(
                "{} is needed ({}) and could not be installed; run `{}` yourself",
                self.what,
                self.why,
                self.how.join(" ")
            )
        })
    }
}

/// The folder of cargo, which tells it to what it runs unless it is the usual one.
fn cargo_home() -> Option<PathBuf> {
    let told = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    told.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

fn has_advisories(folder: &Path) -> bool {
    let is_one = |entry: DirEntry| entry.path().join("crates").is_dir();
    fs::read_dir(folder).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(is_one)))
}

fn answers(interpreter: &str) -> bool {
    let mut command = run::program(interpreter);
    command.arg("--version");
    run::succeeds(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_need_that_cannot_be_fetched_says_what_to_do() {
        let need = Need { what: "the thing", why: "nothing works", how: &["false", "x"], is_here: || false };
        let error = format!("{:#}", need.fetch().unwrap_err());
        assert!(error.contains("the thing is needed (nothing works)"), "{error}");
        assert!(error.contains("run `false x` yourself"), "{error}");
    }

    #[test]
    fn a_folder_without_a_database_in_it_has_no_advisories() {
        let folder = tempfile::tempdir().unwrap();
        let databases = folder.path().join("advisory-dbs");
        assert!(!has_advisories(&databases), "there is no such folder");
        fs::create_dir_all(databases.join("advisory-db-0")).unwrap();
        fs::write(databases.join("db.lock"), "").unwrap();
        assert!(!has_advisories(&databases), "a lock and a folder that is empty");
        fs::create_dir(databases.join("advisory-db-0/crates")).unwrap();
        assert!(has_advisories(&databases));
    }

    #[test]
    fn a_need_that_is_met_fetches_nothing() {
        let need = Need { what: "the thing", why: "nothing works", how: &["false"], is_here: || true };
        need.fetch().unwrap();
    }
}
