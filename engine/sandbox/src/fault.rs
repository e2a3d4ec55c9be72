//! Why a guest's call ended early, told apart by what wasmtime says.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::{
    contract::{Wrong, reason},
    host::Stop,
    limits::{FRAMES_MAX, HAND_OVER_BYTES_MAX, Limits, STACK_BYTES},
    record::{Kind, cut},
};

/// What wasmtime says when a guest hands over more than it may; there is no type for it.
const HANDED_OVER_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

/// The most bytes of a function's name that are kept.
const FRAME_BYTES_MAX: usize = 200;

/// What went wrong, and in which functions, innermost first.
pub(crate) fn fault_of(error: &wasmtime::Error, limits: &Limits) -> (Wrong, Vec<String>) {
    let (kind, detail) = told_apart(error, limits);
    (Wrong { kind, detail: reason(&detail), own: None }, frames(error))
}

fn told_apart(error: &wasmtime::Error, limits: &Limits) -> (Kind, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        let kind = match stop {
            Stop::Memory { .. } => Kind::Memory,
            Stop::Contract(_) => Kind::Contract,
            Stop::Sandbox(_) => Kind::Sandbox,
        };
        return (kind, stop.to_string());
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return of_trap(*trap, limits);
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return (Kind::Sandbox, format!("there is no slot for it: {error}"));
    }
    let words = error.root_cause().to_string();
    if words.contains(HANDED_OVER_TOO_MUCH) {
        let detail = format!("it handed over more than {HAND_OVER_BYTES_MAX} bytes at once");
        return (Kind::Output, detail);
    }
    // What is left is what the canonical ABI refuses: text that is not UTF-8, pointers out of bounds, unknown cases.
    (Kind::Contract, format!("what it handed over is not of the interface's types: {words}"))
}

fn of_trap(trap: Trap, limits: &Limits) -> (Kind, String) {
    match trap {
        Trap::OutOfFuel => (Kind::Fuel, format!("it used up its fuel of {}; an endless loop?", limits.fuel)),
        Trap::Interrupt => {
            (Kind::Deadline, format!("it was still running after {} ms on the wall", limits.deadline_ms))
        }
        Trap::StackOverflow => {
            let detail = format!("its stack is deeper than {STACK_BYTES} bytes; an endless recursion?");
            (Kind::Trap, detail)
        }
        Trap::UnreachableCodeReached => {
            (Kind::Trap, "it gave up: a panic, an abort or an unreachable instruction".to_owned())
        }
        trap => (Kind::Trap, trap.to_string()),
    }
}

fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => cut(&format!("{:#}", rustc_demangle::demangle(name)), FRAME_BYTES_MAX).to_owned(),
        None => format!("function {}", frame.func_index()),
    };
    trace.frames().iter().take(FRAMES_MAX).map(name).collect()
}
