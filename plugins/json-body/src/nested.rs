//! Names with brackets become arrays and objects.

use serde_json::{Map, Value as Json};

/// The deepest name that is taken apart; further brackets stay in the last part.
const DEPTH_MAX: usize = 8;

/// Puts a value under its name: `comment[0][party]` into the object `comment[0]`. Pairs of one name make an array.
/// Where parts contradict each other (`a` and `a[b]`) the later pair stays under its whole name.
pub(crate) fn insert(fields: &mut Map<String, Json>, name: &str, value: Json) {
    let (first, parts) = split(name);
    let mut place = fields.entry(first).or_insert(Json::Null);
    for part in parts {
        match step(place, part) {
            Some(next) => place = next,
            None => return append(fields.entry(name).or_insert(Json::Null), value),
        }
    }
    append(place, value);
}

/// The place below this one, if it may have places below it.
fn step<'a>(place: &'a mut Json, part: &str) -> Option<&'a mut Json> {
    if place.is_null() {
        *place = if index(part, 0).is_some() { Json::Array(Vec::new()) } else { Json::Object(Map::new()) };
    }
    match place {
        Json::Array(items) => {
            let index = index(part, items.len())?;
            if index == items.len() {
                items.push(Json::Null);
            }
            items.get_mut(index)
        }
        Json::Object(fields) => Some(fields.entry(part).or_insert(Json::Null)),
        _ => None,
    }
}

/// An index is that of an element there is, or of the next one: a high one makes no long array.
fn index(part: &str, len: usize) -> Option<usize> {
    part.parse().ok().filter(|index| *index <= len)
}

fn append(place: &mut Json, value: Json) {
    match place {
        Json::Null => *place = value,
        Json::Array(items) => items.push(value),
        _ => {
            let first = place.take();
            *place = Json::Array(vec![first, value]);
        }
    }
}

/// The name before the brackets, and what is in them; a name whose brackets do not close is one part.
fn split(name: &str) -> (&str, Vec<&str>) {
    let whole = (name, Vec::new());
    let Some((first, rest)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) else {
        return whole;
    };
    let parts: Vec<_> = rest.splitn(DEPTH_MAX, "][").collect();
    if first.is_empty() || parts.iter().any(|part| part.is_empty()) { whole } else { (first, parts) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_become_arrays_and_objects() {
        let cases = [
            (vec![("a", "1"), ("b", "2")], json!({"a": "1", "b": "2"})),
            (
                vec![("c[0][p]", "x"), ("c[0][q]", "y"), ("c[1][p]", "z")],
                json!({"c": [{"p": "x", "q": "y"}, {"p": "z"}]}),
            ),
            (vec![("a[b][c]", "1"), ("a[b][d]", "2")], json!({"a": {"b": {"c": "1", "d": "2"}}})),
            (vec![("a", "1"), ("a", "2"), ("a", "3")], json!({"a": ["1", "2", "3"]})),
            (vec![("a", "1"), ("a[b]", "2")], json!({"a": "1", "a[b]": "2"})),
            (vec![("a[9999999]", "1")], json!({"a": {"9999999": "1"}})),
            (vec![("a[0]", "1"), ("a[9999999]", "2")], json!({"a": ["1"], "a[9999999]": "2"})),
            (vec![("a[", "1"), ("[b]", "2"), ("c[]", "3")], json!({"a[": "1", "[b]": "2", "c[]": "3"})),
        ];
        for (pairs, expected) in cases {
            let mut fields = Map::new();
            for (name, value) in pairs {
                insert(&mut fields, name, value.into());
            }
            assert_eq!(Json::Object(fields), expected);
        }
    }

    #[test]
    fn a_deep_name_is_not_taken_apart_for_ever() {
        let mut fields = Map::new();
        insert(&mut fields, &["a", &"[b]".repeat(10_000)].concat(), "1".into());
        let depth = |mut value: &Json| {
            let mut depth = 0;
            while let Some(below) = value.as_object().and_then(|object| object.values().next()) {
                (value, depth) = (below, depth + 1);
            }
            depth
        };
        assert_eq!(depth(&Json::Object(fields)), DEPTH_MAX + 1);
    }
}
