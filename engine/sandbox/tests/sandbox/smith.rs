//! Modules that a generator makes of fixed noise: whatever they do, the sandbox stays as it was.

use arbitrary::Unstructured;
use leadhook_sandbox::{Call, Limits};
use wasm_smith::{Config, Module};

use crate::guest::{SANDBOX, as_guest, call, delivery, draft, healthy};

/// What the canonical ABI asks of a transform; the generator fills in bodies of its own.
const EXPORTS: &str = r#"(module
  (memory (export "memory") 2 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32) unreachable))"#;

/// Bytes that look random and are always the same.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(4096).collect()
}

#[test]
fn generated_modules_are_refused_in_words() {
    for seed in 0..200 {
        let module = Module::new(Config::default(), &mut Unstructured::new(&noise(seed))).unwrap();
        let refusal = SANDBOX.load(&module.to_bytes()).unwrap_err();
        assert!(!refusal.to_string().is_empty());
    }
    healthy();
}

#[test]
fn generated_bodies_in_a_plugin_end_within_their_limits() {
    let limits = Limits { fuel: 200_000, memory_bytes: 4 << 20, ..Limits::DEFAULT };
    let config = Config {
        exports: Some(wat::parse_str(EXPORTS).unwrap()),
        max_imports: 0,
        min_memories: 1,
        max_memories: 1,
        memory64_enabled: false,
        reference_types_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        exceptions_enabled: false,
        ..Config::default()
    };
    let mut loaded = 0;
    for seed in 0..60 {
        let module = Module::new(config.clone(), &mut Unstructured::new(&noise(seed))).unwrap();
        let Ok(plugin) = SANDBOX.load(&as_guest(module.to_bytes(), "transform")) else { continue };
        loaded += 1;
        let delivery = delivery();
        let ran = plugin.transform(&Call { limits, ..call(&delivery) }, &draft());
        assert!(ran.usage.fuel <= limits.fuel && ran.usage.memory_bytes_peak <= limits.memory_bytes);
    }
    assert!(loaded > 10, "many of them are plugins: {loaded}");
    healthy();
}
