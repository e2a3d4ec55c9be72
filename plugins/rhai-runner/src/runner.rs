//! The runner: one rhai engine, the script it has read last, and a fresh scope for each call.

use std::rc::Rc;

use rhai::{
    CallFnOptions, Dynamic, Engine, Position, Scope,
    packages::{
        BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
        Package,
    },
};

use crate::{
    bindings::{
        exports::leadhook::script::parser::{Fault, Found},
        leadhook::plugin::types::{Delivery, Failure, Judgement, Request, Response, Verdict},
    },
    ending::{self, Ending},
    faults::{LIMIT, SCRIPT, Stopped, failure, stopped},
    kv, request, response,
    script::{self, OPTIMIZATION, Script},
    sight::{self, Call},
    words::{self, TEXT_BYTES_MAX},
    world,
};

/// How deep functions may call each other.
const CALL_LEVELS_MAX: usize = 32;
/// How deep an expression may be nested outside of functions, and inside.
const EXPRESSION_DEPTHS_MAX: (usize, usize) = (64, 32);
/// Steps of one call, each of 50 instructions at the very least: an empty loop meets this limit, which says the line,
/// before the fuel is used up.
const OPERATIONS_MAX: u64 = 500_000;
/// The values in an array, those nested in it included.
const ARRAY_VALUES_MAX: usize = 20_000;
/// The values in a map, those nested in it included.
const MAP_VALUES_MAX: usize = 10_000;
/// Variables at one time.
const VARIABLES_MAX: usize = 1_000;
/// Functions of one script.
const FUNCTIONS_MAX: usize = 500;
/// Strings that the engine keeps one copy of.
const STRINGS_INTERNED_MAX: usize = 256;
/// The memory a script may grow to. Under the sandbox's own limit, which would end the call without the line.
const MEMORY_BYTES_MAX: usize = 48 * 1_024 * 1_024;
/// Any fixed numbers: who chooses the keys of a map may slow down only the script's own call.
const HASHING_SEED: [u64; 4] =
    [0x6c65_6164_686f_6f6b, 0x7268_6169_2d72_756e, 0x6e65_725f_7363_7269, 0x7074_735f_7365_6564];

/// Runs scripts. Between two calls it keeps the syntax tree of the last script and nothing else.
#[derive(Debug)]
pub struct Runner {
    engine: Engine,
    warm: Option<Script>,
    /// The names of a lead that the engine has as properties. There are no more than the catalogue has.
    names: Vec<&'static str>,
}

impl Default for Runner {
    fn default() -> Runner {
        Runner::new()
    }
}

impl Runner {
    /// A runner that has read no script yet.
    #[must_use]
    pub fn new() -> Runner {
        // Refused only where a seed is set already: by an earlier runner.
        let _ = rhai::config::hashing::set_hashing_seed(Some(HASHING_SEED));
        let mut engine = Engine::new_raw();
        CorePackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicMathPackage::new().register_into_engine(&mut engine);
        BasicArrayPackage::new().register_into_engine(&mut engine);
        BasicMapPackage::new().register_into_engine(&mut engine);
        MoreStringPackage::new().register_into_engine(&mut engine);
        limit(&mut engine);
        ending::register(&mut engine);
        sight::register(&mut engine);
        request::register(&mut engine);
        response::register(&mut engine);
        kv::register(&mut engine);
        words::register(&mut engine);
        Runner { engine, warm: None, names: Vec::new() }
    }

    /// Reads a script without running it, and says what it is.
    ///
    /// # Errors
    /// The first fault with its line and column.
    pub fn parse(&self, source: &str) -> Result<Found, Fault> {
        Script::read(&self.engine, source).map(|script| script.found)
    }

    /// Asks a script's filter: `None` lets the delivery pass, a text skips it for that reason. A script without a
    /// filter lets everything pass.
    ///
    /// # Errors
    /// The script's own `fail` or `retry("…")`, or its mistake.
    pub fn accept(&mut self, source: &str, delivery: Delivery) -> Result<Option<String>, Failure> {
        self.warm(source)?;
        if !self.found().filter {
            return Ok(None);
        }
        match self.run_hook(Call::new(delivery, None, None), Hook::Filter) {
            Ok(answer) if answer.is_unit() => Ok(None),
            Ok(answer) => match answer.as_bool() {
                Ok(true) => Ok(None),
                Ok(false) => Ok(Some("held back by the script's filter".to_owned())),
                Err(_) => {
                    let kind = answer.type_name();
                    answer.into_immutable_string().map(|why| Some(why.into())).map_err(|_| {
                        let words = format!("a filter answers true, false or a text, not {kind}");
                        failure(SCRIPT, Position::NONE, Some("filter"), &words)
                    })
                }
            },
            Err(Stopped::Ended(Ending::Skip(why), ..)) => Ok(Some(why)),
            Err(stopped) => mistake(stopped, Hook::Filter).map_or(Ok(None), Err),
        }
    }

    /// Runs a script's transform. A script without one lets the request pass as it is.
    pub fn run(&mut self, source: &str, delivery: Delivery, request: Request) -> Verdict {
        if let Err(failure) = self.warm(source) {
            return Verdict::Fail(failure);
        }
        if !self.found().transform {
            return Verdict::Send(request);
        }
        let call = Call::new(delivery, Some(request), None);
        match self.run_hook(Rc::clone(&call), Hook::Transform) {
            Err(Stopped::Ended(Ending::Skip(why), ..)) => Verdict::Skip(why),
            Err(Stopped::Ended(Ending::Defer(at_ms), ..)) => Verdict::Defer(at_ms),
            ended => match ended.err().and_then(|stopped| mistake(stopped, Hook::Transform)) {
                Some(failure) => Verdict::Fail(failure),
                None => Verdict::Send(
                    call.request.take().expect("a transform's call has a request, and only its end takes it"),
                ),
            },
        }
    }

    /// Judges an answer by a script's receipt. Where the script says nothing, any 2xx is delivered.
    ///
    /// # Errors
    /// The script's mistake: the interface has no failure for a receipt, so its caller has to tell it otherwise.
    pub fn judge(
        &mut self,
        source: &str,
        delivery: Delivery,
        response: Response,
    ) -> Result<Judgement, Failure> {
        self.warm(source)?;
        let by_status = match response.status {
            200..=299 => Judgement::Delivered,
            _ => Judgement::RetryAfter(None),
        };
        if !self.found().receipt {
            return Ok(by_status);
        }
        match self.run_hook(Call::new(delivery, None, Some(response)), Hook::Receipt) {
            Ok(answer) if answer.is_unit() => Ok(by_status),
            Ok(answer) => {
                let words = format!(
                    "a receipt answers by delivered(), retry() or refused(), not {}",
                    answer.type_name()
                );
                Err(failure(SCRIPT, Position::NONE, Some("receipt"), &words))
            }
            Err(Stopped::Ended(Ending::Delivered, ..)) => Ok(Judgement::Delivered),
            Err(Stopped::Ended(Ending::RetryAfter(seconds), ..)) => Ok(Judgement::RetryAfter(seconds)),
            Err(Stopped::Ended(Ending::FailForNow(words), ..)) => {
                world::host::log(world::host::Level::Info, &words);
                Ok(Judgement::RetryAfter(None))
            }
            Err(Stopped::Ended(Ending::Refused(why), ..)) => Ok(Judgement::Refused(why)),
            Err(stopped) => mistake(stopped, Hook::Receipt).map_or(Ok(by_status), Err),
        }
    }

    /// Reads the script, unless it is the one read last.
    fn warm(&mut self, source: &str) -> Result<(), Failure> {
        if self.warm.as_ref().is_some_and(|warm| warm.source == source) {
            return Ok(());
        }
        self.warm = None;
        let script = Script::read(&self.engine, source).map_err(|fault| {
            let words = format!("line {}, column {}: {}", fault.line, fault.column, fault.message);
            failure(SCRIPT, Position::NONE, None, &words)
        })?;
        for name in script::names_read(&script.tree) {
            if !self.names.contains(&name) {
                sight::register_name(&mut self.engine, name);
                self.names.push(name);
            }
        }
        self.warm = Some(script);
        Ok(())
    }

    /// What the warm script is.
    fn found(&self) -> Found {
        self.warm
            .as_ref()
            .map_or(Found { filter: false, transform: false, receipt: false }, |warm| warm.found)
    }

    /// Runs one hook in a fresh scope and answers what it answered.
    fn run_hook(&mut self, call: Rc<Call>, hook: Hook) -> Result<Dynamic, Stopped> {
        let Some(script) = &self.warm else { return Err(Stopped::Exited) };
        let engine = &mut self.engine;
        bound_memory(engine);
        let arguments = match hook {
            Hook::Filter => vec![sight::lead(&call)],
            Hook::Transform => vec![sight::lead(&call), sight::request(&call)],
            Hook::Receipt => vec![sight::lead(&call), sight::response(&call)],
        };
        engine.set_default_tag(Dynamic::from(call));
        let mut scope = Scope::new();
        let is_statements = hook == Hook::Transform && !script.has_fn_transform;
        let ended = if is_statements {
            engine.eval_ast_with_scope(&mut scope, &script.tree)
        } else {
            let options = CallFnOptions::new().eval_ast(false);
            engine.call_fn_with_options(options, &mut scope, &script.tree, hook.name(), arguments)
        };
        engine.set_default_tag(Dynamic::UNIT);
        ended.map_err(|error| stopped(*error, (!is_statements).then(|| hook.name().to_owned())))
    }
}

/// What a script is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hook {
    Filter,
    Transform,
    Receipt,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Hook::Filter => "filter",
            Hook::Transform => "transform",
            Hook::Receipt => "receipt",
        }
    }
}

/// The failure that a run ended with; `None` for a run that ended as its last line does.
fn mistake(stopped: Stopped, hook: Hook) -> Option<Failure> {
    let (ending, position, function) = match stopped {
        Stopped::Exited => return None,
        Stopped::Failed(failure) => return Some(failure),
        Stopped::Ended(ending, position, function) => (ending, position, function),
    };
    Some(match ending {
        Ending::Fail { code, words } => Failure { code, message: words, retryable: false },
        Ending::FailForNow(words) => Failure { code: "retry".to_owned(), message: words, retryable: true },
        Ending::Memory => {
            let words = format!("the script needs more than {} MiB of memory", MEMORY_BYTES_MAX >> 20);
            failure(LIMIT, position, function.as_deref(), &words)
        }
        other => {
            let words = format!("`{}` cannot end a {} like this", other.word(), hook.name());
            failure(SCRIPT, position, function.as_deref(), &words)
        }
    })
}

/// Sets the limits that a script meets with its line, before the sandbox's own would end it without.
fn limit(engine: &mut Engine) {
    let (outside, inside) = EXPRESSION_DEPTHS_MAX;
    engine
        .set_optimization_level(OPTIMIZATION)
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_expr_depths(outside, inside)
        .set_max_operations(OPERATIONS_MAX)
        .set_max_string_size(TEXT_BYTES_MAX)
        .set_max_array_size(ARRAY_VALUES_MAX)
        .set_max_map_size(MAP_VALUES_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX)
        .set_max_strings_interned(STRINGS_INTERNED_MAX)
        // `eval` runs what nobody has looked at; currying grows a value without a bound.
        .disable_symbol("eval")
        .disable_symbol("curry");
}

/// Ends the run when it makes the memory grow over its limit. Wasm memory never shrinks, so what an earlier call
/// left behind, and this one may use again, is not held against it.
fn bound_memory(engine: &mut Engine) {
    let bytes_max = world::memory_bytes().max(MEMORY_BYTES_MAX);
    engine.on_progress(move |_| (world::memory_bytes() > bytes_max).then(|| Dynamic::from(Ending::Memory)));
}
