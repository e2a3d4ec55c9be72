//! What the sandbox adds to a call: `plugin.transform` against wasmtime alone, on the same module and the same lead.
#![allow(clippy::unwrap_used, reason = "a benchmark ends by panicking")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/sandbox/guest.rs"]
mod guest;

use divan::Bencher;
use leadhook_sandbox::{Delivery, Draft, Limits, Pair};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker},
};
use wit_component::ComponentEncoder;

fn main() {
    divan::main();
}

/// Fields of a lead, and of the request made of it.
const FIELDS: usize = 75;

/// Guests by name: one that only hands its request on, and one that looks at each byte of the lead first.
const GUESTS: [&str; 2] = ["echo", "read the lead"];

fn module(name: &str) -> Vec<u8> {
    let read = "(local $at i32) (local $end i32) (local $sum i32)
        (local.set $at (i32.load offset=44 (local.get 0)))
        (local.set $end (i32.add (local.get $at) (i32.load offset=48 (local.get 0))))
        (loop (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load8_u (local.get $at))))
          (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))";
    match name {
        "echo" => guest::transform_module(guest::ECHO),
        _ => guest::transform_module(&format!("{read} {}", guest::ECHO)),
    }
}

fn full_lead() -> (Delivery, Draft) {
    let pairs: Vec<_> = (0..FIELDS)
        .map(|number| Pair::new(format!("parameter{number}"), format!("a value of {number}")))
        .collect();
    let fields: Vec<_> = pairs.iter().map(|pair| format!("\"{}\":\"{}\"", pair.name, pair.value)).collect();
    let delivery = Delivery { lead: format!("{{{}}}", fields.join(",")), ..guest::delivery() };
    (delivery, Draft { body: leadhook_sandbox::Body::Form(pairs), ..guest::draft() })
}

#[divan::bench(args = GUESTS)]
fn sandbox(bencher: Bencher<'_, '_>, name: &str) {
    let plugin = guest::load(&module(name));
    let (delivery, draft) = full_lead();
    let call = leadhook_sandbox::Call { limits: Limits::MAX, ..guest::call(&delivery) };
    bencher.bench_local(|| plugin.transform(&call, &draft).result.unwrap());
}

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

struct Raw {
    pre: InstancePre<()>,
    entry: ComponentExportIndex,
    with_limits: bool,
}

impl Raw {
    fn new(name: &str, with_limits: bool) -> Self {
        let component = ComponentEncoder::default().module(&module(name)).unwrap().encode().unwrap();
        let mut config = Config::new();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(16).total_component_instances(16).max_memory_size(256 << 20);
        // As the sandbox has it, so that what differs is the sandbox.
        pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(1 << 20).table_keep_resident(128 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        config.consume_fuel(with_limits).epoch_interruption(with_limits);
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let interface = component.get_export_index(None, "leadhook:plugin/transform@1.0.0");
        let entry = component.get_export_index(interface.as_ref(), "run").unwrap();
        Self { pre: Linker::new(&engine).instantiate_pre(&component).unwrap(), entry, with_limits }
    }

    fn call(&self, delivery: &Delivery, draft: &Draft) -> Said {
        let mut store = Store::new(self.pre.engine(), ());
        if self.with_limits {
            store.set_fuel(Limits::MAX.fuel).unwrap();
            store.set_epoch_deadline(1000);
        }
        let instance = self.pre.instantiate(&mut store).unwrap();
        let run = instance.get_typed_func::<(&Delivery, &Draft), (Said,)>(&mut store, self.entry);
        run.unwrap().call(&mut store, (delivery, draft)).unwrap().0
    }
}

#[divan::bench(args = GUESTS)]
fn raw(bencher: Bencher<'_, '_>, name: &str) {
    let (raw, (delivery, draft)) = (Raw::new(name, false), full_lead());
    bencher.bench_local(|| raw.call(&delivery, &draft));
}

#[divan::bench(args = GUESTS)]
fn raw_with_fuel_and_epochs(bencher: Bencher<'_, '_>, name: &str) {
    let (raw, (delivery, draft)) = (Raw::new(name, true), full_lead());
    bencher.bench_local(|| raw.call(&delivery, &draft));
}
