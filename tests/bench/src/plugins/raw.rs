//! A plugin's module in wasmtime alone: the least that any host does for the same call.

use anyhow::{Result, anyhow};
use leadhook_sandbox::{Delivery, Draft, Level, Limits};
use leadhook_testkit::Sample;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store,
    component::{Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker},
};
use wit_component::ComponentEncoder;

/// As a plugin's verdict comes; nobody looks at it here.
#[allow(dead_code, reason = "the cases are named by the interface")]
#[derive(ComponentType, Lift)]
#[component(variant)]
enum Said {
    #[component(name = "send")]
    Send(Draft),
    #[component(name = "skip")]
    Skip(String),
    #[component(name = "defer")]
    Defer(u64),
    #[component(name = "fail")]
    Fail(Failure),
}

#[allow(dead_code, reason = "the fields are named by the interface")]
#[derive(ComponentType, Lift)]
#[component(record)]
struct Failure {
    code: String,
    message: String,
    retryable: bool,
}

/// What the host functions answer.
struct Host {
    config: String,
    secrets: Vec<(String, String)>,
    now_ms: u64,
}

/// A plugin, ready to be called.
pub(super) struct Raw {
    pre: InstancePre<()>,
    entry: ComponentExportIndex,
    is_transform: bool,
    with_limits: bool,
}

impl Raw {
    /// The module with what a sample gives, with fuel and epochs or without any limit.
    pub(super) fn new(wasm: &[u8], sample: &Sample, with_limits: bool) -> Result<Self> {
        let component = ComponentEncoder::default().module(wasm)?.encode()?;
        Self::of(&component, sample, with_limits).map_err(|error| anyhow!("{error:#}"))
    }

    fn of(component: &[u8], sample: &Sample, with_limits: bool) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(with_limits))?;
        let component = Component::new(&engine, component)?;
        let export = |interface: &str, function: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), function)
        };
        let transform = export("leadhook:plugin/transform@1.0.0", "run");
        let is_transform = transform.is_some();
        let entry = transform.or_else(|| export("leadhook:plugin/filter@1.0.0", "accept"));
        let entry =
            entry.ok_or_else(|| wasmtime::Error::msg("the plugin has neither a transform nor a filter"))?;
        let pre = linker(&engine, sample)?.instantiate_pre(&component)?;
        Ok(Self { pre, entry, is_transform, with_limits })
    }

    /// Calls it in a fresh instance.
    pub(super) fn call(&self, delivery: &Delivery, draft: &Draft) -> Result<()> {
        self.go(delivery, draft).map_err(|error| anyhow!("{error:#}"))
    }

    fn go(&self, delivery: &Delivery, draft: &Draft) -> wasmtime::Result<()> {
        let mut store = Store::new(self.pre.engine(), ());
        if self.with_limits {
            store.set_fuel(Limits::MAX.fuel)?;
            store.set_epoch_deadline(1_000);
        }
        let instance = self.pre.instantiate(&mut store)?;
        if self.is_transform {
            let run = instance.get_typed_func::<(&Delivery, &Draft), (Said,)>(&mut store, self.entry)?;
            match run.call(&mut store, (delivery, draft))?.0 {
                Said::Fail(failure) => Err(failed(failure)),
                Said::Send(_) | Said::Skip(_) | Said::Defer(_) => Ok(()),
            }
        } else {
            type Answer = std::result::Result<Option<String>, Failure>;
            let accept = instance.get_typed_func::<(&Delivery,), (Answer,)>(&mut store, self.entry)?;
            accept.call(&mut store, (delivery,))?.0.map(drop).map_err(failed)
        }
    }
}

/// What a plugin that fails has nothing to measure about.
fn failed(Failure { code, message, .. }: Failure) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the plugin failed ({code}): {message}"))
}

/// As the sandbox has it, so that what differs is the sandbox.
fn config(with_limits: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(16).total_component_instances(16).max_memory_size(256 << 20);
    pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(1 << 20).table_keep_resident(128 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(with_limits)
        .epoch_interruption(with_limits);
    config
}

/// The host and the state at their simplest: nothing is checked, counted or recorded.
fn linker(engine: &Engine, sample: &Sample) -> wasmtime::Result<Linker<()>> {
    let secrets = sample.secrets.clone().into_iter().collect();
    let own = Host { config: sample.config.to_string(), secrets, now_ms: sample.now_ms };
    let own = std::sync::Arc::new(own);
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("leadhook:plugin/host@1.0.0")?;
    host.func_wrap("log", |_, (_, _): (Level, String)| Ok(()))?;
    let told = own.clone();
    host.func_wrap("config", move |_, (): ()| Ok((told.config.clone(),)))?;
    let told = own.clone();
    host.func_wrap("secret", move |_, (name,): (String,)| {
        let found = told.secrets.iter().find(|(known, _)| *known == name);
        Ok((found.map(|(_, value)| value.clone()),))
    })?;
    host.func_wrap("now-ms", move |_, (): ()| Ok((own.now_ms,)))?;
    host.func_wrap("random", |_, (): ()| Ok((4_u64,)))?;
    let mut kv = linker.instance("leadhook:plugin/kv@1.0.0")?;
    kv.func_wrap("get", |_, (_,): (String,)| Ok((None::<Vec<u8>>,)))?;
    kv.func_wrap("set", |_, (_, _, _): (String, Vec<u8>, Option<u32>)| Ok(()))?;
    kv.func_wrap("delete", |_, (_,): (String,)| Ok(()))?;
    kv.func_wrap("increment", |_, (_, by, _): (String, i64, Option<u32>)| Ok((by,)))?;
    Ok(linker)
}
