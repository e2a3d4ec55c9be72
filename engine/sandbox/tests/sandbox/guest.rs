//! Guests as small texts: a core module with the interface's section, and memory laid out as the canonical ABI wants.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use leadhook_sandbox::{
    Body, Call, Delivery, Draft, ErrorRecord, Limits, NoState, Options, Pair, Plugin, Ran, Sandbox, Verdict,
};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub(crate) const PLUGIN_WIT: &str = include_str!("../../../../sdk/wit/v1/plugin.wit");
pub(crate) const SCRIPT_WIT: &str = include_str!("../../../../sdk/wit/script/script.wit");

/// One sandbox serves all tests, as it serves all webhooks: a test that leaves it worse is seen by the others.
pub(crate) static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new(Options::default()).unwrap());

/// What every guest begins with: memory, and an allocator that never frees.
const PRELUDE: &str = r#"
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next
      (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7)) (i32.const -8)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1)))))
    (local.get $at))
"#;

/// The worlds that test guests are for.
const WORLDS: &str = "
package test:guests;
world filter { include leadhook:plugin/plugin@1.0.0; export leadhook:plugin/filter@1.0.0; }
world transform { include leadhook:plugin/plugin@1.0.0; export leadhook:plugin/transform@1.0.0; }
world receipt { include leadhook:plugin/plugin@1.0.0; export leadhook:plugin/receipt@1.0.0; }
world nothing { include leadhook:plugin/plugin@1.0.0; }
world foreign { import files: interface { open: func(); } export leadhook:plugin/transform@1.0.0; }
";

/// A core module of this text for this world, with its interface's section. Imports come before the prelude.
pub(crate) fn module(world: &str, imports: &str, body: &str) -> Vec<u8> {
    module_for(&[PLUGIN_WIT, SCRIPT_WIT, WORLDS], world, imports, body)
}

/// The same for other interfaces, the last of which has the world.
pub(crate) fn module_for(interfaces: &[&str], world: &str, imports: &str, body: &str) -> Vec<u8> {
    let wasm = wat::parse_str(format!("(module {imports} {PRELUDE} {body})")).unwrap();
    with_interface(wasm, interfaces, world)
}

/// A finished core module with the section of a world for test guests.
pub(crate) fn as_guest(wasm: Vec<u8>, world: &str) -> Vec<u8> {
    with_interface(wasm, &[PLUGIN_WIT, SCRIPT_WIT, WORLDS], world)
}

fn with_interface(mut wasm: Vec<u8>, interfaces: &[&str], world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let mut package = None;
    for (number, text) in interfaces.iter().enumerate() {
        package = Some(resolve.push_str(format!("{number}.wit"), text).unwrap());
    }
    let world = resolve.select_world(&[package.unwrap()], Some(world)).unwrap();
    embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8, false).unwrap();
    wasm
}

/// A transform with this body: it gets a pointer to its arguments and returns one to its verdict.
pub(crate) fn transform_module(body: &str) -> Vec<u8> {
    transform_with("", body)
}

/// The same with imports, and functions or data of its own before the body's `(func`.
pub(crate) fn transform_with(imports: &str, body: &str) -> Vec<u8> {
    let (own, body) = body.split_once("BODY").unwrap_or(("", body));
    let function = r#"(func $run (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32)"#;
    module("transform", imports, &format!("{own} {function} {body})"))
}

/// A transform that returns what it is given: 44 bytes of request behind 56 of delivery.
pub(crate) const ECHO: &str = "
    (memory.copy (i32.const 24) (i32.add (local.get 0) (i32.const 56)) (i32.const 44))
    (i32.const 16)";

/// A transform that ends as `skip` with the text at 1024, of the length at 28.
pub(crate) fn skipping(text: &str) -> String {
    let data = Laid::default().byte(16, 1).text(24, 1024, text.as_bytes());
    format!("{} BODY (i32.const 16)", data.segments())
}

/// A transform that ends as `send` of this request, whose lists must be empty but for one header and one form field.
pub(crate) fn sending(method: &[u8], url: &str, header: (&str, &str), field: (&str, &str)) -> String {
    let data = Laid::default()
        .byte(16, 0)
        .text(24, 1024, method)
        .text(32, 2048, url.as_bytes())
        .list(40, 256)
        .text(256, 3072, header.0.as_bytes())
        .text(264, 3200, header.1.as_bytes())
        .byte(48, 0)
        .list(52, 320)
        .text(320, 3400, field.0.as_bytes())
        .text(328, 3600, field.1.as_bytes());
    format!("{} BODY (i32.const 16)", data.segments())
}

/// Data segments at addresses.
#[derive(Default)]
pub(crate) struct Laid(Vec<(u32, Vec<u8>)>);

impl Laid {
    pub(crate) fn byte(mut self, at: u32, byte: u8) -> Self {
        self.0.push((at, vec![byte]));
        self
    }

    /// A pointer and a length at `at`, the text itself elsewhere.
    pub(crate) fn text(mut self, at: u32, text_at: u32, text: &[u8]) -> Self {
        self.0.push((at, [text_at.to_le_bytes(), (text.len() as u32).to_le_bytes()].concat()));
        self.0.push((text_at, text.to_vec()));
        self
    }

    /// A list of one element that is elsewhere.
    pub(crate) fn list(mut self, at: u32, element_at: u32) -> Self {
        self.0.push((at, [element_at.to_le_bytes(), 1_u32.to_le_bytes()].concat()));
        self
    }

    pub(crate) fn segments(&self) -> String {
        let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let segment = |(at, bytes): &(u32, Vec<u8>)| format!("(data (i32.const {at}) \"{}\")", escape(bytes));
        self.0.iter().map(segment).collect()
    }
}

pub(crate) fn load(wasm: &[u8]) -> Plugin {
    SANDBOX.load(wasm).unwrap()
}

pub(crate) fn delivery() -> Delivery {
    Delivery {
        id: "dlv_1".to_owned(),
        webhook: "whk_1".to_owned(),
        site: "1".to_owned(),
        trigger: "call_completed".to_owned(),
        occurred_at_ms: 1_700_000_000_000,
        resend: false,
        sample: false,
        lead: r#"{"callerphone":"79001234567"}"#.to_owned(),
    }
}

pub(crate) fn draft() -> Draft {
    Draft {
        method: "POST".to_owned(),
        url: "https://crm.example/in".to_owned(),
        headers: vec![Pair::new("x-key", "secret")],
        body: Body::Form(vec![Pair::new("phone", "79001234567"), Pair::new("city", "Пермь")]),
    }
}

pub(crate) fn call(delivery: &Delivery) -> Call<'_> {
    Call {
        delivery,
        config: Arc::from("{}"),
        secrets: Arc::new(BTreeMap::new()),
        kv: Arc::new(NoState),
        now_ms: 1_700_000_000_500,
        seed: 7,
        limits: Limits { deadline_ms: 1000, ..Limits::DEFAULT },
        keep: None,
    }
}

pub(crate) fn run(plugin: &Plugin) -> Ran<Verdict> {
    plugin.transform(&call(&delivery()), &draft())
}

/// The error record of a call that fails; a healthy call works after it.
#[track_caller]
pub(crate) fn fails(plugin: &Plugin, limits: Limits) -> ErrorRecord {
    let delivery = delivery();
    let ran = plugin.transform(&Call { limits, ..call(&delivery) }, &draft());
    let record = ran.result.unwrap_err();
    assert!(ran.kv.writes.is_empty());
    healthy();
    record
}

/// A healthy neighbour's call works.
#[track_caller]
pub(crate) fn healthy() {
    static ECHOING: LazyLock<Plugin> = LazyLock::new(|| load(&transform_module(ECHO)));
    assert_eq!(run(&ECHOING).result.unwrap(), Verdict::Send(draft()));
}
