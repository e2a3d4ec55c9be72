//! The plugins that come with the engine, as WebAssembly modules that carry their interface.
//!
//! They are built by the build script, from the folders beside this one, with the profile `plugin` for
//! `wasm32-unknown-unknown`.

/// A plugin that comes with the engine.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The name by which a webhook's link calls it.
    pub name: &'static str,
    /// A core module with its component type; the host makes a component of it.
    pub wasm: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Every bundled plugin, by name.
pub fn all() -> &'static [Bundled] {
    ALL
}

/// The plugin that runs scripts. It is not in [`all`], since a link names a script and never its runner.
pub const RHAI_RUNNER: &[u8] = SCRIPTS;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wit_component::{ComponentEncoder, DecodedWasm};

    use super::*;

    /// The most bytes of a plugin: what is larger drags something along that a plugin has no use for.
    fn bytes_max(name: &str) -> usize {
        match name {
            "working-hours" => 1400 * 1024, // the time zones of the world
            _ => 400 * 1024,
        }
    }

    /// What a module imports and exports as a component: interfaces by name.
    fn interfaces(wasm: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
        let component = ComponentEncoder::default().validate(true).module(wasm).unwrap().encode().unwrap();
        let DecodedWasm::Component(resolve, world) = wit_component::decode(&component).unwrap() else {
            panic!("it is a component")
        };
        let world = &resolve.worlds[world];
        let names = |keys: Vec<_>| keys.into_iter().map(|key| resolve.name_world_key(key)).collect();
        (names(world.imports.keys().collect()), names(world.exports.keys().collect()))
    }

    fn named(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| format!("leadhook:plugin/{word}@1.0.0")).collect()
    }

    #[test]
    fn a_plugin_exports_what_it_has_and_imports_nothing_but_the_interface() {
        let may_import = named(&["types", "host", "kv"]);
        for (name, expected) in [
            ("amocrm", named(&["transform", "receipt"])),
            ("bitrix24", named(&["transform", "receipt"])),
            ("dedupe", named(&["filter"])),
            ("field-map", named(&["transform"])),
            ("ga4", named(&["transform"])),
            ("json-body", named(&["transform"])),
            ("phone-e164", named(&["transform"])),
            ("slack", named(&["transform", "receipt"])),
            ("telegram", named(&["transform", "receipt"])),
            ("working-hours", named(&["transform"])),
        ] {
            let plugin = all().iter().find(|plugin| plugin.name == name).unwrap();
            let (imports, exports) = interfaces(plugin.wasm);
            assert_eq!(exports, expected, "{name}");
            assert!(imports.is_subset(&may_import), "{name} imports {imports:?}");
        }
    }

    #[test]
    fn plugins_are_small_and_stand_in_the_order_of_their_names() {
        assert!(all().is_sorted_by_key(|plugin| plugin.name));
        for Bundled { name, wasm } in all() {
            assert!(wasm.len() < bytes_max(name), "{name} has {} bytes", wasm.len());
        }
    }

    #[test]
    fn the_runner_of_scripts_is_a_plugin_that_is_not_listed() {
        assert!(!interfaces(RHAI_RUNNER).1.is_empty());
        assert!(all().iter().all(|plugin| plugin.name != "rhai-runner"));
    }
}
