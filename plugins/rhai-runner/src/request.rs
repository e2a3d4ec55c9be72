//! `request` in a script: the fields, headers, method and URL of what is sent.

use std::cell::{Ref, RefMut};

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use crate::{
    bindings::leadhook::plugin::types::{Body, Pair, Raw, Request},
    json,
    sight::{RequestInSight, Tried, getter, map, method, setter},
};

impl RequestInSight {
    fn read(&self) -> Tried<Ref<'_, Request>> {
        Ref::filter_map(self.0.request.borrow(), Option::as_ref).map_err(|_| NO_REQUEST.into())
    }

    fn change(&self) -> Tried<RefMut<'_, Request>> {
        RefMut::filter_map(self.0.request.borrow_mut(), Option::as_mut).map_err(|_| NO_REQUEST.into())
    }

    fn fields(&self) -> Tried<Ref<'_, Vec<Pair>>> {
        let fields = Ref::filter_map(self.read()?, |request| match &request.body {
            Body::Form(fields) => Some(fields),
            Body::Raw(_) => None,
        });
        fields.map_err(|_| NO_FORM.into())
    }

    /// Changes the fields of a form.
    fn with_fields<T>(&self, change: impl FnOnce(&mut Vec<Pair>) -> T) -> Tried<T> {
        match &mut self.change()?.body {
            Body::Form(fields) => Ok(change(fields)),
            Body::Raw(_) => Err(NO_FORM.into()),
        }
    }
}

const NO_REQUEST: &str = "there is no request here";
const NO_FORM: &str = "the request's body is no form any more, so it has no fields";

/// A value as the text of a field or header; `None` for `()`.
fn text(value: &Dynamic) -> Tried<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    if value.is_array() || value.is_map() {
        let kind = if value.is_array() { "an array" } else { "a map" };
        return Err(format!("a field holds a text, not {kind}: use to_json(…) or join(…)").into());
    }
    Ok(Some(value.to_string()))
}

/// Sets the first pair of a name and removes the others; without a value removes them all.
fn set(pairs: &mut Vec<Pair>, name: &str, value: Option<String>) {
    let first = pairs.iter().position(|pair| pair.name == name);
    match (first, value) {
        (None, None) => {}
        (None, Some(value)) => pairs.push(Pair { name: name.to_owned(), value }),
        (Some(_), None) => pairs.retain(|pair| pair.name != name),
        (Some(first), Some(value)) => {
            pairs[first].value = value;
            let mut place = 0;
            pairs.retain(|pair| {
                place += 1;
                place - 1 == first || pair.name != name
            });
        }
    }
}

/// The first value of a name; `()` where there is none.
pub(crate) fn first(pairs: &[Pair], name: &str) -> Dynamic {
    let found = pairs.iter().find(|pair| pair.name == name);
    found.map_or(Dynamic::UNIT, |pair| pair.value.as_str().into())
}

/// Teaches the engine what a request can do.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<RequestInSight>("request");
    register_fields(engine);
    register_headers(engine);
    register_body(engine);
    getter(engine, "method", |held: &mut RequestInSight| Ok(held.read()?.method.clone()));
    setter(engine, "method", |held: &mut RequestInSight, method: ImmutableString| {
        held.change()?.method = method.to_uppercase();
        Ok(())
    });
    getter(engine, "url", |held: &mut RequestInSight| Ok(held.read()?.url.clone()));
    setter(engine, "url", |held: &mut RequestInSight, url: ImmutableString| {
        held.change()?.url = url.into();
        Ok(())
    });
}

fn register_fields(engine: &mut Engine) {
    method(engine, "get", |held: &mut RequestInSight, name: ImmutableString| -> Tried<Dynamic> {
        Ok(first(&held.fields()?, &name))
    });
    method(engine, "has", |held: &mut RequestInSight, name: ImmutableString| -> Tried<bool> {
        Ok(held.fields()?.iter().any(|pair| pair.name == *name))
    });
    method(engine, "names", |held: &mut RequestInSight| -> Tried<Array> {
        Ok(held.fields()?.iter().map(|pair| pair.name.as_str().into()).collect())
    });
    getter(engine, "fields", |held: &mut RequestInSight| Ok(map(&held.fields()?)));
    method(engine, "set", |held: &mut RequestInSight, name: ImmutableString, value: Dynamic| {
        let value = text(&value)?;
        held.with_fields(|fields| set(fields, &name, value))
    });
    method(engine, "add", |held: &mut RequestInSight, name: ImmutableString, value: Dynamic| -> Tried<()> {
        let Some(value) = text(&value)? else { return Ok(()) };
        held.with_fields(|fields| fields.push(Pair { name: name.into(), value }))
    });
    method(engine, "remove", |held: &mut RequestInSight, name: ImmutableString| {
        held.with_fields(|fields| set(fields, &name, None))
    });
    method(engine, "rename", |held: &mut RequestInSight, old: ImmutableString, new: ImmutableString| {
        held.with_fields(|fields| {
            for pair in fields.iter_mut().filter(|pair| pair.name == *old) {
                new.as_str().clone_into(&mut pair.name);
            }
        })
    });
    method(engine, "keep", |held: &mut RequestInSight, names: Array| {
        let kept = |pair: &Pair| {
            names.iter().any(|name| name.as_immutable_string_ref().is_ok_and(|name| **name == pair.name))
        };
        held.with_fields(|fields| fields.retain(kept))
    });
    method(engine, "clear", |held: &mut RequestInSight| held.with_fields(Vec::clear));
}

fn register_headers(engine: &mut Engine) {
    getter(engine, "headers", |held: &mut RequestInSight| Ok(map(&held.read()?.headers)));
    method(engine, "header", |held: &mut RequestInSight, name: ImmutableString| -> Tried<Dynamic> {
        Ok(first(&held.read()?.headers, &name.to_lowercase()))
    });
    method(
        engine,
        "header",
        |held: &mut RequestInSight, name: ImmutableString, value: Dynamic| -> Tried<()> {
            let value = text(&value)?;
            set(&mut held.change()?.headers, &name.to_lowercase(), value);
            Ok(())
        },
    );
}

fn register_body(engine: &mut Engine) {
    method(engine, "json", |held: &mut RequestInSight, value: Dynamic| -> Tried<()> {
        let bytes = json::write(&value)?.into_bytes();
        held.change()?.body = Body::Raw(Raw { content_type: "application/json".to_owned(), bytes });
        Ok(())
    });
    method(
        engine,
        "raw",
        |held: &mut RequestInSight, content_type: ImmutableString, text: ImmutableString| {
            let raw = Raw { content_type: content_type.into(), bytes: text.as_bytes().to_vec() };
            held.change()?.body = Body::Raw(raw);
            Tried::Ok(())
        },
    );
    method(engine, "form", |held: &mut RequestInSight, fields: Map| -> Tried<()> {
        let pair = |(name, value): (&rhai::Identifier, &Dynamic)| -> Tried<Option<Pair>> {
            Ok(text(value)?.map(|value| Pair { name: name.to_string(), value }))
        };
        let fields = fields.iter().map(pair).filter_map(Result::transpose).collect::<Tried<_>>()?;
        held.change()?.body = Body::Form(fields);
        Ok(())
    });
    getter(engine, "text", |held: &mut RequestInSight| {
        Ok(match &held.read()?.body {
            Body::Form(_) => Dynamic::UNIT,
            Body::Raw(raw) => String::from_utf8_lossy(&raw.bytes).into_owned().into(),
        })
    });
}

#[cfg(test)]
mod tests {
    use super::{Pair, set};

    #[test]
    fn a_field_that_is_set_keeps_its_place_and_stands_once() {
        let table: [(&str, Option<&str>, &str); 4] = [
            ("a", Some("9"), "a=9 b=2"),
            ("b", Some("9"), "a=1 b=9 a=3"),
            ("c", Some("9"), "a=1 b=2 a=3 c=9"),
            ("a", None, "b=2"),
        ];
        for (name, value, after) in table {
            let pair = |(name, value): (&str, &str)| Pair { name: name.to_owned(), value: value.to_owned() };
            let mut pairs: Vec<_> = [("a", "1"), ("b", "2"), ("a", "3")].map(pair).into();
            set(&mut pairs, name, value.map(str::to_owned));
            let said: Vec<_> = pairs.iter().map(|pair| format!("{}={}", pair.name, pair.value)).collect();
            assert_eq!(said.join(" "), after);
        }
    }
}
