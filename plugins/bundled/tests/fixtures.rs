//! Every bundled plugin's fixtures, run through its wasm in the engine's sandbox.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::{fs, path::Path};

use leadhook_bundled::Bundled;
use leadhook_testkit::{Fate, Kit, check_folder};

fn plugins() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What is wrong about one plugin's fixtures, a line for each.
fn wrong(kit: &Kit, Bundled { name, wasm }: &Bundled) -> Vec<String> {
    let plugin = kit.load(wasm).unwrap();
    let checked = check_folder(&plugin, &plugins().join(name).join("fixtures"), false).unwrap();
    let mut wrong = Vec::new();
    for one in checked.iter().filter(|one| !one.fate.is_good()) {
        wrong.push(format!("{name}/{}:", one.name));
        match &one.fate {
            Fate::Differs(found) => wrong.extend(found.iter().map(|found| format!("  {found}"))),
            other => wrong.push(format!("  {other:?}")),
        }
    }
    wrong
}

#[test]
fn every_fixture_comes_out_of_the_wasm_as_expected() {
    let kit = Kit::new().unwrap();
    let wrong: Vec<_> = leadhook_bundled::all().iter().flat_map(|plugin| wrong(&kit, plugin)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_folder_of_fixtures_is_left_out() {
    for entry in fs::read_dir(plugins()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("fixtures").is_dir() {
            assert!(leadhook_bundled::all().iter().any(|plugin| plugin.name == name), "{name}");
        }
    }
}
