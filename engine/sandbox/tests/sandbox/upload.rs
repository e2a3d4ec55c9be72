//! What is taken as a plugin, and what is refused in words for its author.

use leadhook_sandbox::{Options, Refusal, Sandbox, SandboxError, WASM_BYTES_MAX};

use crate::guest::{ECHO, PLUGIN_WIT, SANDBOX, load, module, module_for, run, transform_module};

#[track_caller]
fn refused(wasm: &[u8]) -> Refusal {
    match SANDBOX.load(wasm) {
        Err(SandboxError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_known_of_a_plugin_before_it_is_compiled() {
    let wasm = transform_module(ECHO);
    let inspected = SANDBOX.check(&wasm).unwrap();
    assert_eq!((inspected.interface.as_str(), inspected.is_component), ("1.0.0", false));
    assert!(inspected.exports.transform && !inspected.exports.filter && !inspected.exports.receipt);
    assert_eq!((inspected.wasm_bytes, inspected.memory_bytes_min), (wasm.len(), 128 * 1024));
    assert_eq!(inspected.hash, load(&wasm).hash());
}

#[test]
fn a_module_that_is_cut_or_damaged_anywhere_is_refused_or_works_and_never_more() {
    let whole = transform_module(ECHO);
    for length in 0..whole.len() {
        assert!(SANDBOX.check(&whole[..length]).is_err(), "{length}");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        let _ = SANDBOX.check(&damaged);
    }
}

#[test]
fn what_is_no_plugin_is_refused() {
    assert_eq!(refused(b"").code(), "not_wasm");
    assert_eq!(refused(b"fn filter() {}").code(), "not_wasm");
    assert_eq!(refused(b"\0asm\x01\0\0\0").code(), "not_a_plugin");
    assert_eq!(refused(&wat::parse_str("(component)").unwrap()).code(), "no_exports");
    assert_eq!(refused(&module("nothing", "", "")).code(), "no_exports");
    let threads = "(module (memory 1 1 shared))";
    assert_eq!(refused(&wat::parse_str(threads).unwrap()).code(), "not_wasm");
}

#[test]
fn forty_megabytes_are_refused_unread() {
    let refusal = refused(&vec![0; 40 << 20]);
    assert_eq!(refusal, Refusal::TooLarge { bytes: 40 << 20, bytes_max: WASM_BYTES_MAX });
}

#[test]
fn an_import_that_is_not_ours_is_named() {
    let function =
        r#"(func (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32) (unreachable))"#;
    let foreign = module("foreign", r#"(import "files" "open" (func))"#, function);
    assert_eq!(refused(&foreign), Refusal::Import { name: "files".to_owned() });
    let source = r#"(import "leadhook:script/source@1.0.0" "source" (func (param i32)))"#;
    let world = "package test:guests; world spy {
        import leadhook:script/source@1.0.0; export leadhook:plugin/transform@1.0.0; }";
    let texts = [PLUGIN_WIT, crate::guest::SCRIPT_WIT, world];
    let spy = module_for(&texts, "spy", source, function);
    assert_eq!(refused(&spy).code(), "unknown_import", "the runner alone may ask for the script");
}

#[test]
fn a_plugin_for_another_version_is_told_what_is_missing() {
    let newer = PLUGIN_WIT
        .replace("@1.0.0", "@1.3.0")
        .replace("random: func() -> u64;", "random: func() -> u64; shout: func();");
    let world = "package test:guests; world new {
        include leadhook:plugin/plugin@1.3.0; export leadhook:plugin/transform@1.3.0; }";
    let function =
        r#"(func (export "leadhook:plugin/transform@1.3.0#run") (param i32) (result i32) (unreachable))"#;
    let shout = r#"(import "leadhook:plugin/host@1.3.0" "shout" (func))"#;
    let refusal = refused(&module_for(&[&newer, world], "new", shout, function));
    let expected =
        "it is built for leadhook:plugin@1.3.0; this engine supports 1.x up to 1.0.0, missing host.shout";
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn a_function_of_another_type_is_refused_at_upload() {
    let other = PLUGIN_WIT.replace("-> verdict;", "-> u32;").replace("verdict}", "response}");
    let world = "package test:guests; world odd { export leadhook:plugin/transform@1.0.0; }";
    let function =
        r#"(func (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32) (unreachable))"#;
    let refusal = refused(&module_for(&[&other, world], "odd", "", function));
    assert_eq!(refusal.code(), "interface_differs", "{refusal}");
}

#[test]
fn memory_beyond_the_largest_limit_is_refused_unrun() {
    let wasm = transform_module("(memory $m2 5000) BODY (unreachable)");
    assert!(matches!(refused(&wasm), Refusal::Memory { .. }));
}

#[test]
fn compiled_code_is_taken_from_the_cache_and_never_from_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = || {
        let cache = Some(folder.path().to_owned());
        Sandbox::new(Options { cache, calls_max: 1, warm_max: 0, ..Options::default() }).unwrap()
    };
    let wasm = transform_module(ECHO);
    sandbox().load(&wasm).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let whole = std::fs::read(file).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(file, &damaged).unwrap();
    assert!(run(&sandbox().load(&wasm).unwrap()).result.is_ok());
    assert_eq!(std::fs::read(file).unwrap(), whole, "it was compiled and kept again");
}
