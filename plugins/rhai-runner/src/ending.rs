//! What ends a script at once: `skip`, `defer`, `fail`, `retry`, `delivered` and `refused`.

use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString, Position};

use crate::world::host;

/// How a script ended itself. It travels as rhai's own termination, which no `catch` of a script sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// `skip("why")`
    Skip(String),
    /// `defer(seconds)`, `defer_until(unix_ms)`: the time in Unix milliseconds.
    Defer(u64),
    /// `fail("code", "words")`
    Fail { code: String, words: String },
    /// `retry("words")`
    FailForNow(String),
    /// `retry()`, `retry(seconds)`
    RetryAfter(Option<u32>),
    /// `delivered()`
    Delivered,
    /// `refused("why")`
    Refused(String),
    /// The script needs more memory than a script may have.
    Memory,
}

impl Ending {
    /// The script's word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Ending::Skip(_) => "skip",
            Ending::Defer(_) => "defer",
            Ending::Fail { .. } => "fail",
            Ending::FailForNow(_) | Ending::RetryAfter(_) => "retry",
            Ending::Delivered => "delivered",
            Ending::Refused(_) => "refused",
            Ending::Memory => "memory",
        }
    }
}

type Ended = Result<(), Box<EvalAltResult>>;

fn end(ending: Ending) -> Ended {
    Err(EvalAltResult::ErrorTerminated(Dynamic::from(ending), Position::NONE).into())
}

/// The longest time that a number of seconds may stand for: a year. A time in milliseconds given by mistake is more.
const SECONDS_MAX: INT = 366 * 86_400;

fn seconds(seconds: INT) -> Result<u32, Box<EvalAltResult>> {
    let bounded = u32::try_from(seconds).ok().filter(|_| seconds <= SECONDS_MAX);
    bounded.ok_or_else(|| format!("a number of seconds is 0 to {SECONDS_MAX}, not {seconds}").into())
}

/// Teaches the engine the words that end a script.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("skip", |why: ImmutableString| end(Ending::Skip(why.into())));
    engine.register_fn("defer", |after: INT| {
        let after_ms = u64::from(seconds(after)?) * 1_000;
        end(Ending::Defer(host::now_ms().saturating_add(after_ms)))
    });
    engine.register_fn("defer_until", |at_ms: INT| {
        let at_ms = u64::try_from(at_ms).map_err(|_| "a time before 1970")?;
        end(Ending::Defer(at_ms))
    });
    engine.register_fn("fail", |code: ImmutableString, words: ImmutableString| {
        end(Ending::Fail { code: code.into(), words: words.into() })
    });
    engine.register_fn("retry", |words: ImmutableString| end(Ending::FailForNow(words.into())));
    engine.register_fn("retry", || end(Ending::RetryAfter(None)));
    engine.register_fn("retry", |after: INT| end(Ending::RetryAfter(Some(seconds(after)?))));
    engine.register_fn("delivered", || end(Ending::Delivered));
    engine.register_fn("refused", |why: ImmutableString| end(Ending::Refused(why.into())));
}
