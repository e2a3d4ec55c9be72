//! The functions of a script that are no methods of ours: log, secrets, time, chance, JSON, and texts.

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, Position};

use crate::{
    json,
    sight::{Tried, method},
    world::host::{self, Level},
};

/// Teaches the engine all of them.
pub(crate) fn register(engine: &mut Engine) {
    register_log(engine);
    register_host(engine);
    register_texts(engine);
    engine.register_fn("parse_json", |text: ImmutableString| -> Tried<Dynamic> { Ok(json::read(&text)?) });
    engine.register_fn("to_json", |value: Dynamic| -> Tried<String> { Ok(json::write(&value)?) });
    // rhai has its own for maps, which would be found first.
    engine.register_fn("to_json", |value: Map| -> Tried<String> { Ok(json::write(&value.into())?) });
    engine.register_fn("local_time", local_time);
}

fn register_log(engine: &mut Engine) {
    engine.register_fn("log", |value: Dynamic| host::log(Level::Info, &value.to_string()));
    engine.register_fn("warn", |value: Dynamic| host::log(Level::Warn, &value.to_string()));
    engine.on_print(|words| host::log(Level::Info, words));
    engine.on_debug(|words, _, position| {
        let line = position.line().map(|line| format!("line {line}: ")).unwrap_or_default();
        host::log(Level::Debug, &format!("{line}{words}"));
    });
}

fn register_host(engine: &mut Engine) {
    engine.register_fn("secret", |name: ImmutableString| -> Tried<String> {
        host::secret(&name).ok_or_else(|| format!("this link names no secret `{name}`").into())
    });
    engine.register_fn("now", || i64::try_from(host::now_ms()).unwrap_or(i64::MAX));
    // rhai's integers are signed; 63 random bits are left.
    engine.register_fn("random", || i64::try_from(host::random() >> 1).unwrap_or(i64::MAX));
    engine.register_fn("random", |below: INT| -> Tried<INT> {
        let bound = u64::try_from(below).ok().filter(|bound| *bound > 0);
        let bound = bound.ok_or_else(|| format!("random(n) is a number from 0 to n - 1; n is {below}"))?;
        Ok(i64::try_from(host::random() % bound).unwrap_or(i64::MAX))
    });
}

fn register_texts(engine: &mut Engine) {
    method(engine, "digits", |text: &mut ImmutableString| -> String {
        text.chars().filter(char::is_ascii_digit).collect()
    });
    // rhai's own `trim` and `replace` change a variable in place, which cannot be done to what is only read.
    method(engine, "trimmed", |text: &mut ImmutableString| -> ImmutableString { text.trim().into() });
    method(engine, "replaced", |text: &mut ImmutableString, old: ImmutableString, new: ImmutableString| {
        replaced(text, &old, &new)
    });
    method(
        engine,
        "without_prefix",
        |text: &mut ImmutableString, prefix: ImmutableString| -> ImmutableString {
            text.strip_prefix(prefix.as_str()).map_or_else(|| text.clone(), Into::into)
        },
    );
    engine.register_fn("join", |values: Array, between: ImmutableString| -> Tried<String> {
        let texts: Vec<_> = values.iter().map(Dynamic::to_string).collect();
        let bytes = texts.iter().map(|text| text.len() + between.len()).sum();
        bounded(bytes)?;
        Ok(texts.join(&between))
    });
    // `()` joins to nothing, so that an absent list of tags needs no question.
    engine.register_fn("join", |(): (), _: ImmutableString| String::new());
}

/// The longest text in bytes; a script meets the same bound wherever a text grows.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024 * 1_024;

fn bounded(bytes: usize) -> Tried<()> {
    if bytes <= TEXT_BYTES_MAX {
        Ok(())
    } else {
        Err(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE).into())
    }
}

fn replaced(text: &str, old: &str, new: &str) -> Tried<String> {
    bounded(text.len() + text.matches(old).count().saturating_mul(new.len()))?;
    Ok(text.replace(old, new))
}

/// The parts of a time at an offset such as `+03:00`. Named zones are not known here: their table would be the
/// larger part of the component.
fn local_time(at_ms: INT, offset: &str) -> Tried<Map> {
    let zone: FixedOffset =
        offset.parse().map_err(|_| format!("an offset is written like +03:00, not `{offset}`"))?;
    let at =
        DateTime::from_timestamp_millis(at_ms).ok_or_else(|| format!("no time in milliseconds: {at_ms}"))?;
    let at = at.with_timezone(&zone);
    let numbers = [
        ("year", i64::from(at.year())),
        ("month", i64::from(at.month())),
        ("day", i64::from(at.day())),
        ("hour", i64::from(at.hour())),
        ("minute", i64::from(at.minute())),
        ("second", i64::from(at.second())),
        ("weekday", i64::from(at.weekday().number_from_monday())),
    ];
    let mut parts: Map = numbers.into_iter().map(|(name, number)| (name.into(), number.into())).collect();
    parts.insert("text".into(), at.format("%Y-%m-%d %H:%M:%S").to_string().into());
    Ok(parts)
}
