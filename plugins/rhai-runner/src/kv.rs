//! `kv` in a script: state that outlives the call, values as JSON.

use rhai::{Dynamic, Engine, INT, ImmutableString};

use crate::{
    json,
    sight::{Kv, Tried, method},
    world::kv,
};

/// The longest key, in bytes, as the plugin interface has it.
const KEY_BYTES_MAX: usize = 256;
/// The longest value, in bytes, as the plugin interface has it.
const VALUE_BYTES_MAX: usize = 64 * 1_024;

/// A key that the engine takes; beyond its limits it would end the call without the script's line.
fn checked(key: &str) -> Tried<&str> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Ok(key);
    }
    Err(format!("a key has 1 to {KEY_BYTES_MAX} bytes, this one {}", key.len()).into())
}

fn ttl(seconds: INT) -> Tried<u32> {
    u32::try_from(seconds).map_err(|_| format!("a time to live of {seconds} seconds").into())
}

fn get(key: &str) -> Tried<Dynamic> {
    let Some(value) = kv::get(checked(key)?) else { return Ok(Dynamic::UNIT) };
    let text = String::from_utf8_lossy(&value);
    Ok(json::read(&text).unwrap_or_else(|_| text.into_owned().into()))
}

fn set(key: &str, value: &Dynamic, ttl_seconds: Option<u32>) -> Tried<()> {
    let text = json::write(value)?;
    if text.len() > VALUE_BYTES_MAX {
        return Err(
            format!("a value has at most {VALUE_BYTES_MAX} bytes as JSON, this one {}", text.len()).into()
        );
    }
    kv::set(checked(key)?, text.as_bytes(), ttl_seconds);
    Ok(())
}

/// Teaches the engine what the state can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Kv>("kv");
    method(engine, "get", |_: &mut Kv, key: ImmutableString| get(&key));
    method(engine, "set", |_: &mut Kv, key: ImmutableString, value: Dynamic| set(&key, &value, None));
    method(engine, "set", |_: &mut Kv, key: ImmutableString, value: Dynamic, seconds: INT| {
        set(&key, &value, Some(ttl(seconds)?))
    });
    method(engine, "delete", |_: &mut Kv, key: ImmutableString| -> Tried<()> {
        kv::delete(checked(&key)?);
        Ok(())
    });
    method(engine, "increment", |_: &mut Kv, key: ImmutableString| -> Tried<INT> {
        Ok(kv::increment(checked(&key)?, 1, None))
    });
    method(engine, "increment", |_: &mut Kv, key: ImmutableString, by: INT| -> Tried<INT> {
        Ok(kv::increment(checked(&key)?, by, None))
    });
    method(engine, "increment", |_: &mut Kv, key: ImmutableString, by: INT, seconds: INT| -> Tried<INT> {
        Ok(kv::increment(checked(&key)?, by, Some(ttl(seconds)?)))
    });
}
