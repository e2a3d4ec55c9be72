//! Reads urlencoded pairs and their nested names the way PHP does, as far as the relay promises it.
//!
//! Promised: brackets plain or percent-encoded, `+` and `%20`, the last of a name that is there twice, `name[]`,
//! a missing `=`, percent signs that encode nothing, bytes that are not UTF-8 (U+FFFD). Not promised: PHP's
//! rewriting of names (a space, a dot, a bracket that is never closed); such names stay as they came.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{
    extra,
    fault::{Fault, Faults},
};

/// The most bytes of a query and a body together.
pub const FORM_BYTES_MAX: usize = 1024 * 1024;
/// The most pairs: two lists of 5,000 records, and what else there is.
pub const PAIRS_MAX: usize = 20_500;
/// The most brackets of one name, as PHP has it (`max_input_nesting_level`).
const DEPTH_MAX: usize = 64;

/// Decoded pairs in the order in which they came; none has an empty name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form(Vec<(String, String)>);

/// What a name stands for: text, or what its brackets hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `name=text`.
    Text(String),
    /// `name[key]=…`.
    Branch(Branch),
}

/// Values by key in the order in which the keys first came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    entries: Vec<(String, Node)>,
    places: BTreeMap<String, usize>,
    /// The largest key that is a number from 0 on: `[]` takes the next.
    largest: Option<i64>,
}

impl Form {
    /// Reads the pairs of these texts, one after another. Refused: more than [`FORM_BYTES_MAX`] or [`PAIRS_MAX`].
    pub fn parse(texts: &[&[u8]]) -> Result<Self, Faults> {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        if bytes > FORM_BYTES_MAX {
            let detail = format!("{bytes} bytes, at most {FORM_BYTES_MAX} are allowed");
            return Err(Fault::new("", "too_long", detail).into());
        }
        let pairs = texts.iter().flat_map(|text| form_urlencoded::parse(text));
        let named = pairs.filter(|(name, _)| !name.is_empty());
        let pairs: Vec<_> =
            named.take(PAIRS_MAX + 1).map(|(name, value)| (name.into(), value.into())).collect();
        if pairs.len() > PAIRS_MAX {
            let detail = format!("there are more than {PAIRS_MAX} pairs");
            return Err(Fault::new("", "too_many", detail).into());
        }
        Ok(Self(pairs))
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs as they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text of a name without brackets: of several the last.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The parameters whose name before any bracket is wanted, and all other pairs as they came.
    pub fn nested(self, is_wanted: impl Fn(&str) -> bool) -> (Branch, Vec<(String, String)>) {
        let (mut nested, mut others) = (Branch::default(), Vec::new());
        for (name, value) in self.0 {
            match path(&name).filter(|_| is_wanted(extra::root(&name))) {
                Some(keys) => nested.set(&keys, value),
                None => others.push((name, value)),
            }
        }
        (nested, others)
    }
}

/// The keys of a name, the part before its brackets first; `None` where a bracket is never closed, stands at the
/// beginning or is one too many. What follows the last closing bracket does not count.
fn path(name: &str) -> Option<Vec<&str>> {
    let Some((root, mut rest)) = name.split_once('[') else { return Some(vec![name]) };
    let mut keys = vec![root];
    loop {
        let (key, after) = rest.split_once(']')?;
        keys.push(key);
        match after.strip_prefix('[') {
            Some(more) => rest = more,
            None => return (!root.is_empty() && keys.len() <= DEPTH_MAX + 1).then_some(keys),
        }
    }
}

impl Branch {
    /// Keys with their values, in the order in which the keys first came.
    pub fn into_entries(self) -> impl Iterator<Item = (String, Node)> {
        self.entries.into_iter()
    }

    /// What stands under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.places.get(key).and_then(|place| self.entries.get(*place)).map(|(_, node)| node)
    }

    /// Later pairs replace earlier ones; text gives way to brackets and the other way round.
    fn set(&mut self, keys: &[&str], value: String) {
        let Some((key, rest)) = keys.split_first() else { return };
        let Some(slot) = self.slot(key) else { return };
        if rest.is_empty() {
            *slot = Node::Text(value);
            return;
        }
        if !matches!(slot, Node::Branch(_)) {
            *slot = Node::Branch(Self::default());
        }
        if let Node::Branch(branch) = slot {
            branch.set(rest, value);
        }
    }

    /// The place of a key, a new one for the empty key; `None` where no number is left for it.
    fn slot(&mut self, key: &str) -> Option<&mut Node> {
        let key = match (key, self.largest) {
            ("", None) => "0".to_owned(),
            ("", Some(largest)) => largest.checked_add(1)?.to_string(),
            (key, _) => key.to_owned(),
        };
        // Only a number in its shortest form counts as one: `01` is a word.
        let number = key.parse().ok().filter(|number: &i64| *number >= 0 && number.to_string() == key);
        self.largest = self.largest.max(number);
        let place = *self.places.entry(key.clone()).or_insert(self.entries.len());
        if place == self.entries.len() {
            self.entries.push((key, Node::Text(String::new())));
        }
        self.entries.get_mut(place).map(|(_, node)| node)
    }

    /// Whether the keys are 0, 1, 2 … in this order.
    fn is_list(&self) -> bool {
        self.entries.iter().enumerate().all(|(index, (key, _))| *key == index.to_string())
    }
}

/// A list where the keys count up from 0, else an object, as PHP's `json_encode` has it.
impl From<Node> for Value {
    fn from(node: Node) -> Self {
        match node {
            Node::Text(text) => Self::String(text),
            Node::Branch(branch) if branch.is_list() => {
                branch.into_entries().map(|(_, node)| Self::from(node)).collect()
            }
            Node::Branch(branch) => {
                let members = branch.into_entries().map(|(key, node)| (key, Self::from(node)));
                Self::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published cases whose names PHP rewrites, which is not promised: these stay as they came.
    const REWRITTEN: [&str; 4] = ["a b=1", "a+b=1", "a[b=1", " a=1"];

    #[test]
    fn published_cases_are_read_as_php_reads_them() {
        let cases = include_str!("../../../../tests/data/form_decoding.jsonl");
        let mut left_out = Vec::new();
        for case in cases.lines() {
            let case: Value = serde_json::from_str(case).unwrap();
            let query = case["query"].as_str().unwrap();
            let form = Form::parse(&[query.as_bytes()]).unwrap();
            if REWRITTEN.contains(&query) {
                left_out.push(form.pairs().next().map(|(name, _)| name.to_owned()).unwrap());
                continue;
            }
            let (nested, _) = form.nested(|_| true);
            let read: Map<_, _> = nested.into_entries().map(|(key, node)| (key, node.into())).collect();
            assert_eq!(Value::Object(read), case["decoded"], "{query}");
        }
        assert_eq!(left_out, ["a b", "a b", "a[b", " a"]);
    }

    #[test]
    fn what_cannot_be_a_path_stays_a_pair() {
        let deep = format!("a{}", "[x]".repeat(DEPTH_MAX + 1));
        let text = format!("{deep}=1&[a]=2&b=3&c[0=4");
        let (nested, others) = Form::parse(&[text.as_bytes()]).unwrap().nested(|root| root != "b");
        assert_eq!(nested, Branch::default());
        let names: Vec<_> = others.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [deep.as_str(), "[a]", "b", "c[0"]);
    }

    #[test]
    fn no_number_is_left_after_the_largest() {
        let text = b"a[9223372036854775807]=x&a[]=y&a[5]=z&a[]=y";
        let (nested, _) = Form::parse(&[text]).unwrap().nested(|_| true);
        let expected = serde_json::json!({ "9223372036854775807": "x", "5": "z" });
        assert_eq!(nested.get("a").cloned().map(Value::from), Some(expected));
    }

    #[test]
    fn more_than_fits_is_refused_whole() {
        let pairs = "a=&".repeat(PAIRS_MAX + 1);
        let code = |texts: &[&[u8]]| Form::parse(texts).unwrap_err().0[0].code.clone();
        assert_eq!(code(&[pairs.as_bytes()]), "too_many");
        assert_eq!(code(&[&vec![b'a'; FORM_BYTES_MAX], b"b"]), "too_long");
    }
}
