//! Compiling in a child process: what it gives back, and what happens to a child that is slow, hungry or gone.
//!
//! This test is its own child, so it has no harness: called with an argument it is one of the children.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "sandbox/guest.rs"]
mod guest;

use std::{process::ExitCode, time::Duration};

use leadhook_sandbox::{Compile, Options, Refusal, Sandbox, SandboxError, compile_as_child};
use rustix::process::{Resource, Rlimit, setrlimit};

const LONG: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("as-child") => compile(),
        Some("poor-child") => {
            // The module that needs more than what the child takes by itself would take minutes to write.
            limit_addresses(256 << 20);
            compile()
        }
        Some("short-of-addresses") => {
            limit_addresses(2 << 30);
            guest::healthy();
            ExitCode::SUCCESS
        }
        Some("sleeping-child") => loop {
            std::thread::park();
        },
        Some("dying-child") => ExitCode::FAILURE,
        _ => {
            a_child_compiles_what_this_process_runs();
            a_child_that_takes_too_long_is_ended();
            a_child_that_takes_too_much_memory_is_told_from_others();
            a_child_that_dies_or_is_not_there_is_an_error_in_words();
            plugins_run_without_a_pool_where_addresses_are_limited();
            ExitCode::SUCCESS
        }
    }
}

fn limit_addresses(bytes: u64) {
    let limit = Some(bytes);
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
}

fn compile() -> ExitCode {
    match compile_as_child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn sandbox(child: &str, deadline: Duration) -> Sandbox {
    let program = std::env::current_exe().unwrap();
    let compile = Compile::Child { program, args: vec![child.into()] };
    let options =
        Options { compile, compile_deadline: deadline, calls_max: 1, warm_max: 0, ..Options::default() };
    Sandbox::new(options).unwrap()
}

/// A plugin with a function of so many additions, none of which can be left out.
fn plugin(additions: usize) -> Vec<u8> {
    let additions = "(i32.add (i32.mul (i32.load (i32.const 8)) (local.get 0)))".repeat(additions);
    guest::transform_module(&format!("(i32.const 0) {additions} (drop) (unreachable)"))
}

fn refused(sandbox: &Sandbox, wasm: &[u8]) -> Refusal {
    match sandbox.load(wasm) {
        Err(SandboxError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn a_child_compiles_what_this_process_runs() {
    let plugin = sandbox("as-child", LONG).load(&guest::transform_module(guest::ECHO)).unwrap();
    assert!(guest::run(&plugin).result.is_ok());
}

fn a_child_that_takes_too_long_is_ended() {
    let asleep = sandbox("sleeping-child", Duration::from_millis(20));
    assert_eq!(refused(&asleep, &plugin(0)), Refusal::CompileSlow { seconds: 0 });
    let slow = sandbox("as-child", Duration::from_millis(300));
    assert_eq!(refused(&slow, &plugin(400_000)).code(), "compile_slow");
}

fn a_child_that_takes_too_much_memory_is_told_from_others() {
    let refusal = refused(&sandbox("poor-child", LONG), &plugin(400_000));
    assert_eq!(refusal.code(), "compile_hungry", "{refusal}");
    assert!(
        guest::run(&sandbox("as-child", LONG).load(&guest::transform_module(guest::ECHO)).unwrap())
            .result
            .is_ok()
    );
}

fn a_child_that_dies_or_is_not_there_is_an_error_in_words() {
    let refusal = refused(&sandbox("dying-child", LONG), &plugin(0));
    assert!(refusal.to_string().contains("the compiler ended with exit status: 1"), "{refusal}");
    let compile = Compile::Child { program: "/nowhere/leadhook".into(), args: Vec::new() };
    let absent = Sandbox::new(Options { compile, calls_max: 1, ..Options::default() }).unwrap();
    assert!(matches!(absent.load(&plugin(0)), Err(SandboxError::StartCompiler(_))));
}

fn plugins_run_without_a_pool_where_addresses_are_limited() {
    let itself = std::env::current_exe().unwrap();
    let status = std::process::Command::new(itself).arg("short-of-addresses").status().unwrap();
    assert!(status.success(), "{status}");
}
