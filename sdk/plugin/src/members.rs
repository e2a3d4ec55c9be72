//! The members of a JSON object: found without being read, and each read when it is first asked for.

use std::{cell::OnceCell, ops::Range};

use memchr::memchr2;
use serde_json::Value as Json;

/// Where the members of an object stand in the text that holds it, in their order.
#[derive(Clone)]
pub(crate) struct Members(Vec<Member>);

#[derive(Clone)]
struct Member {
    name: Range<usize>,
    text: Range<usize>,
    value: OnceCell<Json>,
}

impl Members {
    /// Those of the object that begins here. What is passed over is not checked to be JSON; `None` where it has no end.
    pub(crate) fn of(json: &str, start: usize) -> Option<Self> {
        let bytes = json.as_bytes();
        let mut members = Vec::with_capacity(64);
        let mut at = after(bytes, after_space(bytes, start), b'{')?;
        loop {
            at = after_space(bytes, at);
            if bytes.get(at)? == &b'}' {
                return Some(Self(members));
            }
            if !members.is_empty() {
                at = after_space(bytes, after(bytes, at, b',')?);
            }
            let name_start = after(bytes, at, b'"')?;
            let name_end = after_text(bytes, name_start)?;
            let text_start = after_space(bytes, after(bytes, after_space(bytes, name_end), b':')?);
            at = after_value(bytes, text_start)?;
            members.push(Member {
                name: name_start..name_end - 1,
                text: text_start..at,
                value: OnceCell::new(),
            });
        }
    }

    /// Where the value of this name begins.
    pub(crate) fn place(&self, json: &str, name: &str) -> Option<usize> {
        self.find(json, name).map(|member| member.text.start)
    }

    /// The value of this name.
    pub(crate) fn get(&self, json: &str, name: &str) -> Option<&Json> {
        self.find(json, name).map(|member| member.value(json))
    }

    /// All, in their order.
    pub(crate) fn iter<'a>(&'a self, json: &'a str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.0.iter().map(|member| (&json[member.name.clone()], member.value(json)))
    }

    fn find(&self, json: &str, name: &str) -> Option<&Member> {
        self.0.iter().find(|member| json.as_bytes()[member.name.clone()] == *name.as_bytes())
    }
}

impl Member {
    /// # Panics
    /// When the value is no JSON. The engine never gives such a one, so it is an error of a test.
    fn value(&self, json: &str) -> &Json {
        self.value
            .get_or_init(|| serde_json::from_str(&json[self.text.clone()]).expect("what is given is JSON"))
    }
}

fn after(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    (bytes.get(at)? == &expected).then_some(at + 1)
}

fn after_space(bytes: &[u8], at: usize) -> usize {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(is_space).count())
}

/// Behind the quote that ends the text which begins here.
fn after_text(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

fn after_value(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = after_text(bytes, at + 1)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            // The end of what holds a number or a word.
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => (at, depth) = (at + 1, depth - 1),
            b',' if depth == 0 => return Some(at),
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_however_the_json_is_written() {
        let object = json!({
            "": 1, "a": [1, {"b": "]}\\\""}, []], "c": {"d": {}}, "e": "x,\\\"}", "f": -1.5e3, "g": null, "h": true
        });
        for text in [object.to_string(), serde_json::to_string_pretty(&object).unwrap()] {
            let members = Members::of(&text, 0).unwrap();
            let found: Vec<_> = members.iter(&text).collect();
            let expected: Vec<_> =
                object.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value)).collect();
            assert_eq!(found, expected);
            assert_eq!(members.get(&text, "f"), Some(&json!(-1.5e3)));
            let inner = Members::of(&text, members.place(&text, "c").unwrap()).unwrap();
            assert_eq!((inner.get(&text, "d"), inner.get(&text, "a")), (Some(&json!({})), None));
        }
        assert!(Members::of("{}", 0).unwrap().0.is_empty());
    }

    #[test]
    fn what_has_no_end_is_no_object() {
        let whole = r#"{"a": [1, {"b": "\""}], "c": 7}"#;
        for end in 0..whole.len() {
            assert!(Members::of(&whole[..end], 0).is_none(), "{}", &whole[..end]);
        }
        assert!(Members::of(whole, 0).is_some());
        assert!(Members::of("[1]", 0).is_none() && Members::of(r#"{"a" 1}"#, 0).is_none());
    }
}
