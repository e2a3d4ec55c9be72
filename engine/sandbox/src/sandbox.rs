//! The one door: takes uploads and scripts in, and gives out what can be called.

use std::{path::PathBuf, sync::Arc, time::Duration};

use wasmtime::component::{Component, InstancePre};

use crate::{
    SandboxError,
    cache::Cache,
    compile::{Compile, compile},
    host::{State, plugin_linker, runner_linker},
    inspect::{Inspected, Origin, inspect},
    machine::Machine,
    plugin::{Compiled, Plugin, Runner},
    refusal::Refusal,
    script,
};

/// How a sandbox is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where compiled code is kept between starts; nowhere by default. The folder is made where it is not there.
    pub cache: Option<PathBuf>,
    /// Where compiling is done.
    pub compile: Compile,
    /// How long a child may compile one module; 60 s by default, since an interpreter takes about 20 s where nothing
    /// else is going on.
    pub compile_deadline: Duration,
    /// How many calls run at once, 1 or more; further ones wait for a place. 64 by default.
    pub calls_max: u32,
    /// How many instances of scripts are kept warm; 64 by default.
    pub warm_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: None,
            compile: Compile::InProcess,
            compile_deadline: Duration::from_secs(60),
            calls_max: 64,
            warm_max: 64,
        }
    }
}

/// Where untrusted code is compiled and run. A clone is the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Door>);

struct Door {
    machine: Arc<Machine>,
    cache: Option<Cache>,
    compile: Compile,
    compile_deadline: Duration,
}

impl Sandbox {
    /// A sandbox, its pool reserved and its ticker started.
    ///
    /// # Errors
    ///
    /// The engine, its ticker or the cache's folder cannot be made.
    pub fn new(options: Options) -> Result<Self, SandboxError> {
        let Options { cache, compile, compile_deadline, calls_max, warm_max } = options;
        let machine = Arc::new(Machine::new(calls_max, warm_max)?);
        let cache = cache.map(|folder| Cache::open(folder, &machine.engine)).transpose();
        let cache = cache.map_err(SandboxError::OpenCache)?;
        Ok(Self(Arc::new(Door { machine, cache, compile, compile_deadline })))
    }

    /// Looks at an upload without compiling it.
    ///
    /// # Errors
    ///
    /// Why it would not be taken, as far as can be seen so.
    pub fn check(&self, wasm: &[u8]) -> Result<Inspected, Refusal> {
        inspect(wasm, Origin::Plugin).map(|(inspected, _)| inspected)
    }

    /// Checks and compiles a plugin, or takes its code from the cache. It blocks, for seconds where it compiles.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Refused`] for a fault of the upload; else the engine failed.
    pub fn load(&self, wasm: &[u8]) -> Result<Plugin, SandboxError> {
        self.0.load(wasm, Origin::Plugin)
    }

    /// Loads the script runner, the one module that may import and export `leadhook:script`.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::load`].
    pub fn load_runner(&self, wasm: &[u8]) -> Result<Runner, SandboxError> {
        let plugin = self.0.load(wasm, Origin::Runner)?;
        Runner::of(plugin).ok_or_else(|| {
            let detail = "it does not export leadhook:script/parser".to_owned();
            Refusal::Interface { detail }.into()
        })
    }

    /// Reads a script, and makes a plugin of it that the runner runs.
    ///
    /// # Errors
    ///
    /// [`Refusal::Script`] with line and column where it does not parse.
    pub fn load_script(&self, runner: &Runner, source: &str) -> Result<Plugin, SandboxError> {
        Ok(script::load(runner, source)?)
    }

    /// How many instances of scripts are kept warm now.
    pub fn warm_count(&self) -> usize {
        self.0.machine.warm.len()
    }
}

impl Door {
    fn load(&self, wasm: &[u8], origin: Origin) -> Result<Plugin, SandboxError> {
        let (inspected, component) = inspect(wasm, origin)?;
        // The runner is the engine's own: it is no upload, and is compiled however long that takes.
        let how = match origin {
            Origin::Plugin => &self.compile,
            Origin::Runner => &Compile::InProcess,
        };
        let code = self.code(&inspected.hash, &component, how)?;
        let pre = self.prepare(&code, origin)?;
        let compiled = Compiled::of(pre);
        Plugin::of_wasm(Arc::clone(&self.machine), compiled, inspected)
    }

    fn code(&self, hash: &str, component: &[u8], how: &Compile) -> Result<Vec<u8>, SandboxError> {
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.get(hash)) {
            return Ok(code);
        }
        let code = compile(component, self.machine.room, how, self.compile_deadline)?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(hash, &code)
        {
            tracing::warn!(%error, "compiled code cannot be kept on disk; it is compiled again at the next start");
        }
        Ok(code)
    }

    fn prepare(&self, code: &[u8], origin: Origin) -> Result<InstancePre<State>, SandboxError> {
        let engine = &self.machine.engine;
        // SAFETY: the bytes are what this program's compiler wrote: it, or its own child, just now, or they came from
        // the cache under a sum over all of them, in a folder that only the engine writes to.
        #[allow(unsafe_code, reason = "compiled code is taken over unread; there is no other way to keep it")]
        let component = unsafe { Component::deserialize(engine, code) };
        let component = component.map_err(|error| Refusal::Compile { detail: format!("{error:#}") })?;
        let linker = match origin {
            Origin::Plugin => plugin_linker(engine),
            Origin::Runner => runner_linker(engine),
        };
        let pre = linker.map_err(SandboxError::MakeEngine)?.instantiate_pre(&component);
        pre.map_err(|error| Refusal::Interface { detail: format!("{error:#}") }.into())
    }
}
