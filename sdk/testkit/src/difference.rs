//! What differs between two JSON values, place by place, for people to read.

use std::fmt;

use serde_json::Value as Json;

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: `send.body.form.phone`, or empty for the whole.
    pub path: String,
    /// What the first value has there; `None` for nothing.
    pub before: Option<Json>,
    /// What the second value has there; `None` for nothing.
    pub after: Option<Json>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "it" } else { &self.path };
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{path}: {before} → {after}"),
            (Some(before), None) => write!(f, "{path}: {before} → nothing"),
            (None, Some(after)) => write!(f, "{path}: nothing → {after}"),
            (None, None) => write!(f, "{path}"),
        }
    }
}

/// Every place where `after` differs from `before`. The order of an object's fields does not count. Lists of pairs,
/// as forms and headers are, are compared name by name; where only their order differs, the names are told.
pub fn differences(before: &Json, after: &Json) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(path: String, before: Option<&Json>, after: Option<&Json>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                compare(under(&path, name), old.get(name), new.get(name), found);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) => match (pairs(old), pairs(new)) {
            (Some(old), Some(new)) => compare_pairs(&path, &old, &new, found),
            _ => {
                for at in 0..old.len().max(new.len()) {
                    compare(format!("{path}[{at}]"), old.get(at), new.get(at), found);
                }
            }
        },
        _ => found.push(Difference { path, before: before.cloned(), after: after.cloned() }),
    }
}

/// The elements as names with values, if they all are pairs of texts.
fn pairs(elements: &[Json]) -> Option<Vec<(&str, &Json)>> {
    let pair = |element: &'_ Json| match element.as_array().map(Vec::as_slice) {
        Some([Json::String(_), Json::String(_)]) => true,
        Some(_) | None => false,
    };
    elements
        .iter()
        .all(pair)
        .then(|| elements.iter().filter_map(|element| Some((element[0].as_str()?, &element[1]))).collect())
}

fn compare_pairs(path: &str, old: &[(&str, &Json)], new: &[(&str, &Json)], found: &mut Vec<Difference>) {
    let nth = |pairs: &[(&str, &Json)], at: usize| {
        pairs[..at].iter().filter(|(name, _)| *name == pairs[at].0).count()
    };
    let keyed = |pairs: &[(&str, &Json)]| -> Vec<(String, usize, Json)> {
        let key = |at: usize| (pairs[at].0.to_owned(), nth(pairs, at), pairs[at].1.clone());
        (0..pairs.len()).map(key).collect()
    };
    let (old, new) = (keyed(old), keyed(new));
    let of = |pairs: &[(String, usize, Json)], name: &str, nth: usize| {
        let found = pairs.iter().find(|(known, at, _)| known == name && *at == nth);
        found.map(|(_, _, value)| value.clone())
    };
    let before = found.len();
    let added = new.iter().filter(|(name, nth, _)| of(&old, name, *nth).is_none());
    for (name, nth, _) in old.iter().chain(added) {
        let path = match nth {
            0 => under(path, name),
            nth => format!("{}#{}", under(path, name), nth + 1),
        };
        compare(path, of(&old, name, *nth).as_ref(), of(&new, name, *nth).as_ref(), found);
    }
    if found.len() == before {
        let names = |pairs: &[(String, usize, Json)]| -> Option<Json> {
            Some(pairs.iter().map(|(name, ..)| Json::from(name.as_str())).collect())
        };
        let path = if path.is_empty() { "order".to_owned() } else { format!("{path} in this order") };
        found.push(Difference { path, before: names(&old), after: names(&new) });
    }
}

fn under(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: &Json, after: &Json) -> Vec<String> {
        differences(before, after).iter().map(Difference::to_string).collect()
    }

    #[test]
    fn fields_are_compared_by_name_in_any_order() {
        assert_eq!(told(&json!({ "a": 1, "b": [1, 2] }), &json!({ "b": [1, 2], "a": 1 })), [""; 0]);
        assert_eq!(
            told(&json!({ "a": 1, "b": { "c": [1] } }), &json!({ "b": { "c": [2, 3] }, "d": null })),
            ["a: 1 → nothing", "b.c[0]: 1 → 2", "b.c[1]: nothing → 3", "d: nothing → null"]
        );
        assert_eq!(told(&json!("x"), &json!({})), ["it: \"x\" → {}"]);
    }

    #[test]
    fn pairs_are_compared_name_by_name_and_twins_by_their_place() {
        let before = json!({ "form": [["id", "1"], ["tag", "a"], ["tag", "b"], ["old", "x"]] });
        let after = json!({ "form": [["tag", "a"], ["id", "1"], ["tag", "c"], ["new", "x"]] });
        assert_eq!(
            told(&before, &after),
            ["form.tag#2: \"b\" → \"c\"", "form.old: \"x\" → nothing", "form.new: nothing → \"x\""]
        );
        let turned = json!({ "form": [["old", "x"], ["id", "1"], ["tag", "a"], ["tag", "b"]] });
        assert_eq!(
            told(&before, &turned),
            ["form in this order: [\"id\",\"tag\",\"tag\",\"old\"] → [\"old\",\"id\",\"tag\",\"tag\"]"]
        );
        assert_eq!(
            told(&json!({ "form": [] }), &json!({ "form": [["a", "1"]] })),
            ["form.a: nothing → \"1\""]
        );
    }
}
