//! `response` in a script: the handler's answer.

use rhai::{Dynamic, Engine, ImmutableString};

use crate::{
    bindings::leadhook::plugin::types::Response,
    json,
    request::first,
    sight::{ResponseInSight, Tried, getter, map, method},
};

impl ResponseInSight {
    fn read(&self) -> Tried<&Response> {
        self.0.response.as_ref().ok_or_else(|| "no response is in sight".into())
    }

    fn text(&self) -> Tried<String> {
        Ok(String::from_utf8_lossy(&self.read()?.body).into_owned())
    }
}

/// Teaches the engine what an answer tells.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<ResponseInSight>("response");
    getter(engine, "status", |held: &mut ResponseInSight| Ok(i64::from(held.read()?.status)));
    getter(engine, "elapsed_ms", |held: &mut ResponseInSight| Ok(i64::from(held.read()?.elapsed_ms)));
    getter(engine, "headers", |held: &mut ResponseInSight| Ok(map(&held.read()?.headers)));
    getter(engine, "text", |held: &mut ResponseInSight| held.text());
    // An answer that is no JSON is an ordinary case for a judge: `()`, not an error.
    getter(engine, "json", |held: &mut ResponseInSight| {
        Ok(json::read(&held.text()?).unwrap_or(Dynamic::UNIT))
    });
    method(engine, "header", |held: &mut ResponseInSight, name: ImmutableString| -> Tried<Dynamic> {
        Ok(first(&held.read()?.headers, &name.to_lowercase()))
    });
}
