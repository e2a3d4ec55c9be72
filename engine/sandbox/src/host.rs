//! What a guest may ask the host for, and the state of one call that answers it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use wasmtime::{
    Engine, ResourceLimiter, StoreContextMut,
    component::{Linker, LinkerInstance},
};

use crate::{
    kv::{KvFault, View},
    limits::Limits,
    machine::{INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX},
    record::{Level, Log},
};

pub(crate) const HOST: &str = "leadhook:plugin/host@1.0.0";
pub(crate) const KV: &str = "leadhook:plugin/kv@1.0.0";
pub(crate) const SOURCE: &str = "leadhook:script/source@1.0.0";

/// Why the host ends a guest's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It wants more memory than it may have.
    Memory { wanted: u64, limit: u64 },
    /// It asked for what it may not.
    Contract(String),
    /// The engine could not answer.
    Sandbox(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { wanted, limit } => {
                write!(f, "it wants {wanted} bytes of memory and tables; its limit is {limit}")
            }
            Self::Contract(detail) | Self::Sandbox(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for Stop {}

impl From<KvFault> for Stop {
    fn from(fault: KvFault) -> Self {
        match fault {
            KvFault::Contract(detail) => Self::Contract(detail),
            KvFault::Sandbox(detail) => Self::Sandbox(format!("the plugin's state cannot be read: {detail}")),
        }
    }
}

/// Everything that one call may see. It is made anew for each call, in a kept instance too.
pub(crate) struct State {
    pub(crate) config: Arc<str>,
    pub(crate) secrets: Arc<BTreeMap<String, String>>,
    /// The script that the instance is for; none in a plugin.
    pub(crate) source: Option<Arc<str>>,
    pub(crate) now_ms: u64,
    /// Where the random numbers are.
    pub(crate) random: u64,
    pub(crate) kv: View,
    pub(crate) log: Log,
    pub(crate) memory: MemoryCount,
}

impl State {
    /// The next number of SplitMix64: each seed gives its own sequence, and the seeds of two deliveries that are
    /// close give two that are not.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The memories and tables of all instances of a call, counted together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemoryCount {
    pub(crate) limit: u64,
    used: u64,
    pub(crate) peak: u64,
}

impl MemoryCount {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limit: limits.memory_bytes, used: 0, peak: 0 }
    }

    /// The count of the next call in the same instance, which begins with what it already has.
    pub(crate) fn next_call(self, limits: &Limits) -> Self {
        Self { limit: limits.memory_bytes, used: self.used, peak: self.used }
    }

    /// What the instance has now.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    fn grow(&mut self, by: u64) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(by);
        if wanted > self.limit {
            return Err(Stop::Memory { wanted, limit: self.limit }.into());
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }
}

/// Growing beyond the limit ends the call, since few guests say what they miss when it merely fails.
impl ResourceLimiter for MemoryCount {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        match maximum.is_some_and(|maximum| desired > maximum) && desired as u64 <= self.limit {
            // The guest's own declaration forbids it, and it is told so.
            true => Ok(false),
            false => self.grow((desired - current) as u64),
        }
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Sandbox(format!("memory cannot be grown: {error}")).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = ((desired - current) as u64).saturating_mul(size_of::<usize>() as u64);
        match maximum.is_some_and(|maximum| desired > maximum) {
            true => Err(Stop::Memory { wanted: self.used.saturating_add(bytes), limit: self.limit }.into()),
            false => self.grow(bytes),
        }
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Sandbox(format!("a table cannot be grown: {error}")).into())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

type Context<'a> = StoreContextMut<'a, State>;

/// The functions that a plugin may import.
pub(crate) fn plugin_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    add_host(&mut linker.instance(HOST)?)?;
    add_kv(&mut linker.instance(KV)?)?;
    Ok(linker)
}

/// Those, and what the script runner alone may import.
pub(crate) fn runner_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = plugin_linker(engine)?;
    linker.instance(SOURCE)?.func_wrap("source", |context: Context<'_>, (): ()| {
        let source = context.data().source.clone();
        let source = source.ok_or_else(|| Stop::Contract("source: there is no script here".to_owned()))?;
        Ok((source,))
    })?;
    Ok(linker)
}

fn add_host(host: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    host.func_wrap("log", |mut context: Context<'_>, (level, text): (Level, String)| {
        context.data_mut().log.push(level, &text);
        Ok(())
    })?;
    host.func_wrap("config", |context: Context<'_>, (): ()| Ok((Arc::clone(&context.data().config),)))?;
    host.func_wrap("secret", |context: Context<'_>, (name,): (String,)| {
        Ok((context.data().secrets.get(&name).cloned(),))
    })?;
    host.func_wrap("now-ms", |context: Context<'_>, (): ()| Ok((context.data().now_ms,)))?;
    host.func_wrap("random", |mut context: Context<'_>, (): ()| Ok((context.data_mut().next_random(),)))
}

fn add_kv(kv: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    kv.func_wrap("get", |mut context: Context<'_>, (key,): (String,)| {
        Ok((context.data_mut().kv.get(&key).map_err(Stop::from)?,))
    })?;
    kv.func_wrap("set", |mut context: Context<'_>, (key, value, ttl): (String, Vec<u8>, Option<u32>)| {
        Ok(context.data_mut().kv.set(key, value, ttl).map_err(Stop::from)?)
    })?;
    kv.func_wrap("delete", |mut context: Context<'_>, (key,): (String,)| {
        Ok(context.data_mut().kv.delete(key).map_err(Stop::from)?)
    })?;
    kv.func_wrap("increment", |mut context: Context<'_>, (key, by, ttl): (String, i64, Option<u32>)| {
        Ok((context.data_mut().kv.increment(key, by, ttl).map_err(Stop::from)?,))
    })
}
