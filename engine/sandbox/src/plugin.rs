//! A plugin or script that is ready to be called.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use wasmtime::{
    Store,
    component::{Component, ComponentExportIndex, InstancePre},
};

use crate::{
    SandboxError,
    brief::{Pace, Reach},
    call::{Call, Run, empty_state, refused},
    contract::{self, Wrong, draft_bytes, pairs_bytes},
    exchange::{Delivery, Draft, Judgement, OwnFailure, Response, SaidJudgement, SaidVerdict, Verdict},
    fault::fault_of,
    host::{MemoryCount, State},
    inspect::{Exports, Inspected, hash},
    limits::Limits,
    machine::Machine,
    record::{Kind, Ran},
    refusal::Refusal,
    script::{Found, ScriptFault},
    ticker::beats,
    warm::WarmKey,
};

/// A component that is compiled, its imports joined to the host's functions and its exports found.
pub(crate) struct Compiled {
    /// Its own in this process.
    pub(crate) id: u64,
    pub(crate) pre: InstancePre<State>,
    filter: Option<ComponentExportIndex>,
    transform: Option<ComponentExportIndex>,
    receipt: Option<ComponentExportIndex>,
    pub(crate) parser: Option<ComponentExportIndex>,
}

impl Compiled {
    pub(crate) fn of(pre: InstancePre<State>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = LAST.fetch_add(1, Ordering::Relaxed);
        let component = pre.component();
        let find = |interface, name| export(component, interface, name);
        let filter = find("leadhook:plugin/filter@1.0.0", "accept");
        let transform = find("leadhook:plugin/transform@1.0.0", "run");
        let receipt = find("leadhook:plugin/receipt@1.0.0", "judge");
        let parser = find("leadhook:script/parser@1.0.0", "parse");
        Self { id, filter, transform, receipt, parser, pre }
    }

    /// Makes an instance and looks whether its functions have the interface's types, so that an upload is refused
    /// for what no call could get past.
    fn rehearse(&self, machine: &Machine) -> Result<(), Refusal> {
        let limits = Limits::MAX;
        let state = State { memory: MemoryCount::new(&limits), ..empty_state(None) };
        let _place = machine.places.take();
        let _running = machine.ticker.run();
        let mut store = Store::new(&machine.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(beats(limits.deadline()));
        let started = store.set_fuel(limits.fuel).and_then(|()| self.pre.instantiate(&mut store));
        let instance =
            started.map_err(|error| Refusal::Start { detail: fault_of(&error, &limits).0.detail })?;
        macro_rules! check_type {
            ($entry:expr, $params:ty, $result:ty, $name:literal) => {
                if let Some(entry) = &$entry {
                    let typed = instance.get_typed_func::<$params, $result>(&mut store, entry);
                    typed.map_err(|error| Refusal::Interface { detail: format!("{}: {error:#}", $name) })?;
                }
            };
        }
        check_type!(self.filter, (&Delivery,), (Accepted,), "filter.accept");
        check_type!(self.transform, (&Delivery, &Draft), (SaidVerdict,), "transform.run");
        check_type!(self.receipt, (&Delivery, &Response), (SaidJudgement,), "receipt.judge");
        check_type!(self.parser, (&str,), (Result<Found, ScriptFault>,), "parser.parse");
        Ok(())
    }
}

fn export(component: &Component, interface: &str, name: &str) -> Option<ComponentExportIndex> {
    let interface = component.get_export_index(None, interface)?;
    component.get_export_index(Some(&interface), name)
}

type Accepted = Result<Option<String>, OwnFailure>;

/// A plugin or script that is ready to be called. A clone is the same one.
///
/// Its calls block and are bounded by their limits. They need a thread with a stack of 1 MiB beyond what is in use.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    machine: Arc<Machine>,
    compiled: Arc<Compiled>,
    hash: String,
    exports: Exports,
    script: Option<Script>,
    pace: Pace,
}

/// What a script has besides its runner.
struct Script {
    source: Arc<str>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Plugin");
        shown.field("hash", &self.0.hash).field("exports", &self.0.exports).finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn of_wasm(
        machine: Arc<Machine>,
        compiled: Compiled,
        inspected: Inspected,
    ) -> Result<Self, SandboxError> {
        compiled.rehearse(&machine)?;
        let Inspected { hash, exports, .. } = inspected;
        let compiled = Arc::new(compiled);
        Ok(Self(Arc::new(Loaded { machine, compiled, hash, exports, script: None, pace: Pace::new() })))
    }

    /// SHA-256 of the upload or of the script's text, in lower-case hex.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// What it can be asked.
    pub fn exports(&self) -> Exports {
        self.0.exports
    }

    /// Whether it is a script.
    pub fn is_script(&self) -> bool {
        self.0.script.is_some()
    }

    /// Whether the next call may be tried in place.
    pub(crate) fn is_quick(&self) -> bool {
        self.0.pace.is_quick()
    }

    /// Asks whether the delivery may pass: `None` lets it, a text is the reason why not.
    pub fn filter(&self, call: &Call<'_>) -> Ran<Option<String>> {
        self.filter_within(call, Reach::Whole)
    }

    pub(crate) fn filter_within(&self, call: &Call<'_>, reach: Reach) -> Ran<Option<String>> {
        let Some(run) = self.run(call, reach, self.0.compiled.filter.as_ref(), self.0.exports.filter) else {
            return lacks("filter");
        };
        run.call((call.delivery,), delivery_bytes(call.delivery), |(accepted,): (Accepted,)| {
            let accepted = accepted.map_err(Wrong::from)?;
            Ok(accepted.map(|text| contract::reason(&text)))
        })
    }

    /// Has the request rewritten, or the delivery decided.
    pub fn transform(&self, call: &Call<'_>, draft: &Draft) -> Ran<Verdict> {
        self.transform_within(call, draft, Reach::Whole)
    }

    pub(crate) fn transform_within(&self, call: &Call<'_>, draft: &Draft, reach: Reach) -> Ran<Verdict> {
        let Some(run) = self.run(call, reach, self.0.compiled.transform.as_ref(), self.0.exports.transform)
        else {
            return lacks("transform");
        };
        let output_bytes = call.limits.bounded().output_bytes;
        let bytes = delivery_bytes(call.delivery) + draft_bytes(draft);
        run.call((call.delivery, draft), bytes, |(said,): (SaidVerdict,)| match said {
            SaidVerdict::Send(draft) => contract::draft(draft, output_bytes).map(Verdict::Send),
            SaidVerdict::Skip(text) => Ok(Verdict::Skip(contract::reason(&text))),
            SaidVerdict::Defer(at_ms) => Ok(Verdict::Defer(at_ms)),
            SaidVerdict::Fail(failure) => Err(failure.into()),
        })
    }

    /// Asks what the handler's answer means.
    pub fn judge(&self, call: &Call<'_>, response: &Response) -> Ran<Judgement> {
        self.judge_within(call, response, Reach::Whole)
    }

    pub(crate) fn judge_within(&self, call: &Call<'_>, response: &Response, reach: Reach) -> Ran<Judgement> {
        let Some(run) = self.run(call, reach, self.0.compiled.receipt.as_ref(), self.0.exports.receipt)
        else {
            return lacks("receipt");
        };
        let response_bytes = pairs_bytes(&response.headers) + response.body.len() as u64;
        let bytes = delivery_bytes(call.delivery) + response_bytes;
        run.call((call.delivery, response), bytes, |(said,): (SaidJudgement,)| Ok(contract::judgement(said)))
    }

    fn run<'a>(
        &'a self,
        call: &Call<'_>,
        reach: Reach,
        entry: Option<&'a ComponentExportIndex>,
        is_exported: bool,
    ) -> Option<Run<'a>> {
        let loaded = &*self.0;
        let script = loaded.script.as_ref();
        let keep = call.keep.zip(script).map(|(keep, _)| WarmKey {
            account: keep.account.to_owned(),
            webhook: keep.webhook.to_owned(),
            runner: loaded.compiled.id,
            script: loaded.hash.clone(),
        });
        Some(Run {
            machine: &loaded.machine,
            pre: &loaded.compiled.pre,
            entry: entry.filter(|_| is_exported)?,
            state: call.state(script.map(|script| Arc::clone(&script.source)), reach),
            limits: call.limits,
            reach,
            pace: &loaded.pace,
            keep,
        })
    }
}

/// The script runner: what scripts are read and run by.
#[derive(Debug, Clone)]
pub struct Runner(Plugin);

impl Runner {
    pub(crate) fn of(plugin: Plugin) -> Option<Self> {
        plugin.0.compiled.parser.is_some().then_some(Self(plugin))
    }

    /// SHA-256 of its wasm, in lower-case hex.
    pub fn hash(&self) -> &str {
        self.0.hash()
    }

    /// Reads a script within a plugin's largest limits.
    pub(crate) fn parse(&self, source: &str) -> Result<Ran<Result<Found, ScriptFault>>, Refusal> {
        let Loaded { machine, compiled, pace, .. } = &*self.0.0;
        let detail = "the runner has no parser".to_owned();
        let entry = compiled.parser.as_ref().ok_or(Refusal::ScriptUnreadable { detail })?;
        let run = Run {
            machine,
            pre: &compiled.pre,
            entry,
            state: empty_state(None),
            limits: Limits::MAX,
            reach: Reach::Whole,
            pace,
            keep: None,
        };
        Ok(run.call((source,), source.len() as u64, |(parsed,)| Ok(parsed)))
    }

    /// The plugin that a script makes of it.
    pub(crate) fn with(&self, source: &str, exports: Exports) -> Plugin {
        let Loaded { machine, compiled, .. } = &*self.0.0;
        Plugin(Arc::new(Loaded {
            machine: Arc::clone(machine),
            compiled: Arc::clone(compiled),
            hash: hash(source.as_bytes()),
            exports,
            script: Some(Script { source: Arc::from(source) }),
            pace: Pace::new(),
        }))
    }
}

fn delivery_bytes(delivery: &Delivery) -> u64 {
    let Delivery { id, webhook, site, trigger, lead, .. } = delivery;
    [id, webhook, site, trigger, lead].map(|text| text.len() as u64).iter().sum()
}

fn lacks<T>(interface: &str) -> Ran<T> {
    refused(Kind::Contract, format!("it does not export leadhook:plugin/{interface}"), Instant::now())
}
