//! Looks at an uploaded module without compiling it: whether it is a plugin, for which interface, and what it has.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{InterfaceId, PackageName, Resolve, World, WorldItem, WorldKey};

use crate::{
    limits::{Limits, WASM_BYTES_MAX},
    refusal::Refusal,
};

/// The version of `leadhook:plugin` that this engine has.
pub const INTERFACE: &str = "1.0.0";

/// What this engine offers and calls, interface by interface.
const PLUGIN: Package = Package {
    name: "leadhook:plugin",
    imports: &[
        ("types", &[]),
        ("host", &["log", "config", "secret", "now-ms", "random"]),
        ("kv", &["get", "set", "delete", "increment"]),
    ],
    exports: &[("filter", &["accept"]), ("transform", &["run"]), ("receipt", &["judge"])],
};

/// What it offers to the script runner besides.
const SCRIPT: Package = Package {
    name: "leadhook:script",
    imports: &[("source", &["source"])],
    exports: &[("parser", &["parse"])],
};

struct Package {
    name: &'static str,
    imports: &'static [(&'static str, &'static [&'static str])],
    exports: &'static [(&'static str, &'static [&'static str])],
}

/// Whose module it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A customer's.
    Plugin,
    /// The script runner, which comes with the engine.
    Runner,
}

/// Which of the three a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exports {
    /// It is asked before anything is sent.
    pub filter: bool,
    /// It rewrites the request.
    pub transform: bool,
    /// It judges the handler's answer.
    pub receipt: bool,
}

/// What is known of a plugin before it is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// SHA-256 of the upload, in lower-case hex: the version by which it is known.
    pub hash: String,
    /// The version of `leadhook:plugin` that it was built for.
    pub interface: String,
    /// What it exports.
    pub exports: Exports,
    /// The interfaces that it imports, as `leadhook:plugin/host@1.0.0`.
    pub imports: Vec<String>,
    /// Whether it came as a component; else it was made one.
    pub is_component: bool,
    /// Its size as uploaded.
    pub wasm_bytes: usize,
    /// The linear memory that it begins with, in bytes.
    pub memory_bytes_min: u64,
}

/// SHA-256 in lower-case hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an upload is, and the component that is compiled of it.
pub(crate) fn inspect(wasm: &[u8], origin: Origin) -> Result<(Inspected, Vec<u8>), Refusal> {
    if wasm.len() > WASM_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes: wasm.len(), bytes_max: WASM_BYTES_MAX });
    }
    validate(wasm)?;
    let is_component = Parser::is_component(wasm);
    // The libraries that read components are made for what compilers write; whatever else makes them give up is
    // the upload's fault, not a reason to stop.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let component = if is_component { wasm.to_vec() } else { componentize(wasm)? };
        let interface = read_interface(&component, origin)?;
        Ok((component, interface))
    }));
    let (component, (interface, exports, imports)) = read
        .unwrap_or_else(|_| Err(Refusal::NotAPlugin { detail: "its interface cannot be read".to_owned() }))?;
    let memory_bytes_min = memory_bytes_min(wasm)?;
    if memory_bytes_min > Limits::MAX.memory_bytes {
        return Err(Refusal::Memory { bytes: memory_bytes_min, bytes_max: Limits::MAX.memory_bytes });
    }
    let (hash, wasm_bytes) = (hash(wasm), wasm.len());
    Ok((
        Inspected { hash, interface, exports, imports, is_component, wasm_bytes, memory_bytes_min },
        component,
    ))
}

fn validate(wasm: &[u8]) -> Result<(), Refusal> {
    let absent = WasmFeatures::THREADS
        | WasmFeatures::GC_TYPES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::MEMORY64
        | WasmFeatures::CM_ASYNC;
    let mut validator = Validator::new_with_features(WasmFeatures::default() - absent);
    match validator.validate_all(wasm) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::NotWasm { detail: error.to_string() }),
    }
}

fn componentize(module: &[u8]) -> Result<Vec<u8>, Refusal> {
    let has_interface = Parser::new(0).parse_all(module).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    });
    if !has_interface {
        let detail = "it is a module without the section `component-type`; build it with the crate leadhook-plugin, \
                      or hand in a component";
        return Err(Refusal::NotAPlugin { detail: detail.to_owned() });
    }
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.module(module).and_then(ComponentEncoder::encode);
    encoded
        .map_err(|error| Refusal::NotAPlugin { detail: format!("no component can be made of it: {error:#}") })
}

type Interface = (String, Exports, Vec<String>);

fn read_interface(component: &[u8], origin: Origin) -> Result<Interface, Refusal> {
    let (resolve, world) = match wit_component::decode(component) {
        Ok(DecodedWasm::Component(resolve, world)) => (resolve, world),
        Ok(DecodedWasm::WitPackage(..)) => {
            return Err(Refusal::NotAPlugin { detail: "it is an interface without code".to_owned() });
        }
        Err(error) => {
            return Err(Refusal::NotAPlugin { detail: format!("its interface cannot be read: {error:#}") });
        }
    };
    let world = &resolve.worlds[world];
    check_versions(&resolve, world)?;
    let packages: &[Package] = if origin == Origin::Runner { &[PLUGIN, SCRIPT] } else { &[PLUGIN] };
    let mut imports = Vec::new();
    for (key, item) in &world.imports {
        let name = resolve.name_world_key(key);
        let known = interface(key).and_then(|id| known(&resolve, id, packages, |package| package.imports));
        match (known, item) {
            (Some(_), _) => imports.push(name),
            (None, WorldItem::Type { .. }) => (),
            (None, _) => return Err(Refusal::Import { name }),
        }
    }
    let ours = |id| known(&resolve, id, packages, |package| package.exports);
    let exported: Vec<_> = world.exports.keys().filter_map(interface).filter_map(ours).collect();
    let exports = Exports {
        filter: exported.contains(&"filter"),
        transform: exported.contains(&"transform"),
        receipt: exported.contains(&"receipt"),
    };
    match exports == Exports::default() {
        true => Err(Refusal::NoExports),
        false => Ok((INTERFACE.to_owned(), exports, imports)),
    }
}

fn interface(key: &WorldKey) -> Option<InterfaceId> {
    match key {
        WorldKey::Interface(id) => Some(*id),
        WorldKey::Name(_) => None,
    }
}

fn package_of(resolve: &Resolve, id: InterfaceId) -> Option<&PackageName> {
    resolve.interfaces[id].package.map(|package| &resolve.packages[package].name)
}

/// The interface's short name where it is one of ours, in the version that we have.
fn known(
    resolve: &Resolve,
    id: InterfaceId,
    packages: &[Package],
    side: impl Fn(&Package) -> &'static [(&'static str, &'static [&'static str])],
) -> Option<&'static str> {
    let id = resolve.id_of(id)?;
    let of_package = |package: &Package| {
        let known = |name: &&str| id == format!("{}/{name}@{INTERFACE}", package.name);
        side(package).iter().map(|(name, _)| *name).find(known)
    };
    packages.iter().find_map(of_package)
}

/// Says in words which version a plugin is for, where it is not ours.
fn check_versions(resolve: &Resolve, world: &World) -> Result<(), Refusal> {
    let mut built_for = None;
    let mut missing = Vec::new();
    for (keys, side) in [(world.imports.keys(), PLUGIN.imports), (world.exports.keys(), PLUGIN.exports)] {
        for id in keys.filter_map(interface) {
            let Some(package) = package_of(resolve, id) else { continue };
            if format!("{}:{}", package.namespace, package.name) != PLUGIN.name {
                continue;
            }
            let version = package.version.as_ref().map_or("no version".to_owned(), ToString::to_string);
            if version != INTERFACE {
                built_for = Some(version);
            }
            missing.extend(missing_of(resolve, id, side));
        }
    }
    match built_for {
        Some(built_for) => Err(Refusal::Version { built_for, missing }),
        None => Ok(()),
    }
}

/// What of an interface this engine does not have.
fn missing_of(resolve: &Resolve, id: InterfaceId, side: &[(&str, &[&str])]) -> Vec<String> {
    let interface = &resolve.interfaces[id];
    let name = interface.name.as_deref().unwrap_or_default();
    let Some((_, functions)) = side.iter().find(|(known, _)| *known == name) else {
        return vec![name.to_owned()];
    };
    let unknown = interface.functions.keys().filter(|function| !functions.contains(&function.as_str()));
    unknown.map(|function| format!("{name}.{function}")).collect()
}

/// The memories of all modules inside together.
fn memory_bytes_min(wasm: &[u8]) -> Result<u64, Refusal> {
    let mut bytes: u64 = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(Payload::MemorySection(section)) = payload else { continue };
        for memory in section {
            let memory = memory.map_err(|error| Refusal::NotWasm { detail: error.to_string() })?;
            let page_bytes = 1_u64 << memory.page_size_log2.unwrap_or(16);
            bytes = bytes.saturating_add(memory.initial.saturating_mul(page_bytes));
        }
    }
    Ok(bytes)
}
