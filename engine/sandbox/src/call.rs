//! One call into a guest: a fresh instance or a kept one, its limits, and what came of it.

use std::{collections::BTreeMap, mem, sync::Arc, time::Instant};

use wasmtime::{
    Store,
    component::{ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower},
};

use crate::{
    brief::{Elsewhere, Pace, Reach},
    contract::{Wrong, reason},
    exchange::Delivery,
    fault::fault_of,
    host::{MemoryCount, State},
    kv::{Kv, KvUse, NoState, View},
    limits::{HAND_OVER_BYTES_MAX, Limits},
    machine::Machine,
    record::{ErrorRecord, Kind, Level, Log, Ran, Usage},
    ticker::beats,
    warm::{Idle, KEPT_BYTES_MAX, WarmKey},
};

/// What a call is given. Nothing else of the engine can be seen by a guest.
#[derive(Clone)]
pub struct Call<'a> {
    /// The delivery that is rendered or judged.
    pub delivery: &'a Delivery,
    /// The link's configuration as JSON text, `{}` where it has none.
    pub config: Arc<str>,
    /// The secrets that the link was granted, by name.
    pub secrets: Arc<BTreeMap<String, String>>,
    /// The plugin's state in this webhook, or what was read of it by the call that is replayed.
    pub kv: Arc<dyn Kv>,
    /// The time of the rendering, in Unix milliseconds.
    pub now_ms: u64,
    /// What the random numbers begin with, made of the delivery's id.
    pub seed: u64,
    /// What it may use.
    pub limits: Limits,
    /// For whom a script's instance may be kept from call to call; `None` for a fresh one, which a plugin always
    /// gets.
    pub keep: Option<Keep<'a>>,
}

/// For whom an instance is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep<'a> {
    /// The account's id.
    pub account: &'a str,
    /// The webhook's id.
    pub webhook: &'a str,
}

impl Call<'_> {
    pub(crate) fn state(&self, source: Option<Arc<str>>, reach: Reach) -> State {
        let kv: Arc<dyn Kv> = match reach {
            Reach::Whole => Arc::clone(&self.kv),
            Reach::Brief => Arc::new(Elsewhere),
        };
        State {
            config: Arc::clone(&self.config),
            secrets: Arc::clone(&self.secrets),
            source,
            now_ms: self.now_ms,
            random: self.seed,
            kv: View::new(kv, self.now_ms),
            log: Log::default(),
            memory: MemoryCount::default(),
        }
    }
}

/// A state that has nothing of any call: for reading a script, and for instances at rest.
pub(crate) fn empty_state(source: Option<Arc<str>>) -> State {
    State {
        config: Arc::from("{}"),
        secrets: Arc::default(),
        source,
        now_ms: 0,
        random: 0,
        kv: View::new(Arc::new(NoState), 0),
        log: Log::default(),
        memory: MemoryCount::default(),
    }
}

/// What is called, and within what.
pub(crate) struct Run<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) pre: &'a InstancePre<State>,
    pub(crate) entry: &'a ComponentExportIndex,
    pub(crate) state: State,
    pub(crate) limits: Limits,
    pub(crate) reach: Reach,
    pub(crate) pace: &'a Pace,
    pub(crate) keep: Option<WarmKey>,
}

impl Run<'_> {
    /// Calls the function and checks what it returns.
    pub(crate) fn call<P, R, T>(
        self,
        params: P,
        input_bytes: u64,
        check: impl FnOnce(R) -> Result<T, Wrong>,
    ) -> Ran<T>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let started = Instant::now();
        let limits = self.limits.bounded();
        if input_bytes > limits.input_bytes {
            return too_large(input_bytes, &limits, started);
        }
        let within = self.reach.within(limits);
        let place = match self.reach {
            Reach::Whole => Some(self.machine.places.take()),
            Reach::Brief => self.machine.places.try_take(),
        };
        let Some(_place) = place else { return no_place(started) };
        let _running = self.machine.ticker.run();
        let kept = self.keep.as_ref().and_then(|key| self.machine.warm.take(key));
        let (mut store, instance) = ready(self.machine, self.state, kept, &within);
        let said = instance
            .map_or_else(|| self.pre.instantiate(&mut store), Ok)
            .and_then(|instance| Ok((instance, instance.get_typed_func::<P, R>(&mut store, self.entry)?)))
            .and_then(|(instance, function)| Ok((instance, function.call(&mut store, params)?)));
        let fuel = within.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let (instance, result) = match said {
            Ok((instance, value)) => (Some(instance), check(value).map_err(|wrong| (wrong, Vec::new()))),
            Err(error) => (None, Err(fault_of(&error, &limits))),
        };
        let instance = instance.filter(|_| result.is_ok());
        let (memory, log, used) = finish(store, instance, self.machine, self.keep);
        let usage = Usage { fuel, memory_bytes_peak: memory.peak, elapsed: started.elapsed() };
        let is_cut_short = matches!(&result, Err((wrong, _)) if self.reach.cut_short(&limits, wrong.kind));
        self.pace.note(&usage, &used, is_cut_short);
        match result {
            Ok(value) => Ran { result: Ok(value), usage, log, kv: used, is_cut_short },
            Err((wrong, frames)) => {
                let result = Err(record(wrong, frames, &usage, &log));
                Ran { result, usage, log, kv: KvUse { writes: Vec::new(), ..used }, is_cut_short }
            }
        }
    }
}

/// A store whose limits are those of this call, with the kept instance if there is one.
fn ready(
    machine: &Machine,
    mut state: State,
    kept: Option<Idle>,
    limits: &Limits,
) -> (Store<State>, Option<Instance>) {
    let (mut store, instance) = match kept {
        None => {
            state.memory = MemoryCount::new(limits);
            let mut store = Store::new(&machine.engine, state);
            store.limiter(|state| &mut state.memory);
            (store, None)
        }
        Some(Idle { mut store, instance }) => {
            state.memory = store.data().memory.next_call(limits);
            *store.data_mut() = state;
            (store, Some(instance))
        }
    };
    store.set_fuel(limits.fuel).expect("fuel is consumed by every engine of the sandbox");
    store.set_epoch_deadline(beats(limits.deadline()));
    store.set_hostcall_fuel(HAND_OVER_BYTES_MAX);
    (store, instance)
}

/// Takes what the call left, and keeps the instance where it may be kept, with nothing of the call in it.
fn finish(
    mut store: Store<State>,
    instance: Option<Instance>,
    machine: &Machine,
    keep: Option<WarmKey>,
) -> (MemoryCount, Log, KvUse) {
    let memory = store.data().memory;
    match (instance, keep) {
        (Some(instance), Some(key)) if memory.used() <= KEPT_BYTES_MAX => {
            let at_rest = State { memory, ..empty_state(store.data().source.clone()) };
            let state = mem::replace(store.data_mut(), at_rest);
            machine.warm.put(key, Idle { store, instance });
            (memory, state.log, state.kv.into_use())
        }
        _ => {
            let state = store.into_data();
            (memory, state.log, state.kv.into_use())
        }
    }
}

fn record(wrong: Wrong, frames: Vec<String>, usage: &Usage, log: &Log) -> ErrorRecord {
    let (code, retryable) = wrong.own.unzip();
    let detail = match log.lines.last() {
        // A guest that panics logs why, and then traps without a word.
        Some(last) if wrong.kind == Kind::Trap && last.level == Level::Error => {
            reason(&format!("{}. Its last line: {}", wrong.detail, last.text))
        }
        _ => wrong.detail,
    };
    ErrorRecord {
        kind: wrong.kind,
        detail,
        code,
        retryable,
        frames,
        fuel_used: usage.fuel,
        memory_bytes_peak: usage.memory_bytes_peak,
        log_tail: log.tail(),
    }
}

fn too_large<T>(input_bytes: u64, limits: &Limits, started: Instant) -> Ran<T> {
    let detail = format!("what goes in has {input_bytes} bytes; at most {} are allowed", limits.input_bytes);
    refused(Kind::Input, detail, started)
}

/// What a brief call comes to that found no place: it is made where it can wait for one.
fn no_place<T>(started: Instant) -> Ran<T> {
    let detail = "there is no place for it now".to_owned();
    Ran { is_cut_short: true, ..refused(Kind::Sandbox, detail, started) }
}

/// What a call comes to that was never made.
pub(crate) fn refused<T>(kind: Kind, detail: String, started: Instant) -> Ran<T> {
    let usage = Usage { elapsed: started.elapsed(), ..Usage::default() };
    let log = Log::default();
    let result = Err(record(Wrong { kind, detail, own: None }, Vec::new(), &usage, &log));
    Ran { result, usage, log, kv: KvUse::default(), is_cut_short: false }
}
