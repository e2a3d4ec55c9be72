//! The kit: a sandbox with plugins by name, the secrets they may be granted, and the limits of a call.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use leadhook_core::{id::SiteId, site::Site};
use leadhook_sandbox::{Limits, Options, Plugin, Runner, Sandbox};
use serde_json::Value as Json;

use crate::TestkitError;

/// A sandbox with what is to be tried in it.
pub struct Kit {
    sandbox: Sandbox,
    runner: Option<Runner>,
    pub(crate) plugins: BTreeMap<String, Plugin>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) site: Option<Site>,
}

/// The engine's limits, but a second on the wall: the machine of a test may be busy.
pub(crate) const LIMITS: Limits = Limits { deadline_ms: Limits::MAX.deadline_ms, ..Limits::DEFAULT };

impl Kit {
    /// A kit without plugins, which compiles anew each time.
    ///
    /// # Errors
    /// When no sandbox can be made here.
    pub fn new() -> Result<Self, TestkitError> {
        Self::over(None)
    }

    /// A kit that keeps compiled code in this folder, which it makes if need be.
    ///
    /// # Errors
    /// When no sandbox can be made here, or no such folder.
    pub fn with_cache(folder: impl Into<PathBuf>) -> Result<Self, TestkitError> {
        Self::over(Some(folder.into()))
    }

    fn over(cache: Option<PathBuf>) -> Result<Self, TestkitError> {
        Ok(Self {
            sandbox: Sandbox::new(Options { cache, ..Options::default() })?,
            runner: None,
            plugins: BTreeMap::new(),
            secrets: BTreeMap::new(),
            site: None,
        })
    }

    /// With the script runner, so that scripts can be tried.
    ///
    /// # Errors
    /// When it is not the runner's wasm.
    pub fn runner(mut self, wasm: &[u8]) -> Result<Self, TestkitError> {
        self.runner = Some(self.sandbox.load_runner(wasm)?);
        Ok(self)
    }

    /// With a plugin or script under the name by which settings call it.
    ///
    /// # Errors
    /// As [`Kit::load`].
    pub fn plugin(mut self, name: &str, code: &[u8]) -> Result<Self, TestkitError> {
        self.plugins.insert(name.to_owned(), self.load(code)?);
        Ok(self)
    }

    /// With a plugin or script from a file.
    ///
    /// # Errors
    /// As [`Kit::load`], and when the file cannot be read.
    pub fn plugin_file(self, name: &str, path: impl AsRef<Path>) -> Result<Self, TestkitError> {
        let path = path.as_ref();
        let code =
            std::fs::read(path).map_err(|source| TestkitError::Read { path: path.to_owned(), source })?;
        self.plugin(name, &code)
    }

    /// With a secret that links may name.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With these settings of the events' site, as `PUT /v1/sites/{id}` takes them.
    ///
    /// # Errors
    /// When they are no site's settings; with every fault.
    pub fn site(mut self, id: &str, settings: &Json) -> Result<Self, TestkitError> {
        let id =
            SiteId::new(id).ok_or_else(|| TestkitError::format("site", format!("`{id}` is no site's id")))?;
        self.site = Some(Site::parse(id, 1, settings).map_err(TestkitError::Settings)?);
        Ok(self)
    }

    /// A plugin (wasm) or a script (any other text), ready to be called.
    ///
    /// # Errors
    /// [`TestkitError::Sandbox`] when the sandbox refuses it, [`TestkitError::NoRunner`] for a script in a kit
    /// without [`Kit::runner`], [`TestkitError::NotText`] for neither of both.
    pub fn load(&self, code: &[u8]) -> Result<Plugin, TestkitError> {
        if is_wasm(code) {
            return Ok(self.sandbox.load(code)?);
        }
        let source = std::str::from_utf8(code).map_err(|_| TestkitError::NotText)?;
        let runner = self.runner.as_ref().ok_or(TestkitError::NoRunner)?;
        Ok(self.sandbox.load_script(runner, source)?)
    }

    /// The sandbox, for looking at a module without running it.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

/// Whether these bytes begin as WebAssembly does; if not, they may be a script.
pub fn is_wasm(code: &[u8]) -> bool {
    code.starts_with(b"\0asm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_told_apart() {
        let kit = Kit::new().unwrap();
        assert!(matches!(kit.load(b"skip(\"no\");"), Err(TestkitError::NoRunner)));
        assert!(matches!(kit.load(&[0xff, 0xfe]), Err(TestkitError::NotText)));
        assert!(matches!(kit.load(b"\0asm\x01\0\0\0"), Err(TestkitError::Sandbox(_))));
        assert!(matches!(kit.plugin_file("a", "/no/such.wasm"), Err(TestkitError::Read { .. })));
    }
}
