//! Tests of JSON that borrows, against the JSON that owns.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{COMPARED_MAX, Json, Members, Tree as _};

fn names_of(json: &Json<'_>) -> Vec<String> {
    json.members().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn texts_are_borrowed_unless_they_have_escapes() {
    let json: Json<'_> = serde_json::from_str(r#"{"plain":"Анна","esc\u0061ped":"a\tb"}"#).unwrap();
    let Json::Object(Members(members)) = json else { panic!("an object") };
    assert!(matches!(members.as_slice(), [
        (Cow::Borrowed("plain"), Json::Text(Cow::Borrowed("Анна"))),
        (Cow::Owned(name), Json::Text(Cow::Owned(text))),
    ] if name == "escaped" && text == "a\tb"));
}

#[test]
fn of_members_with_one_name_the_last_counts_where_the_first_stood() {
    for more in [0, COMPARED_MAX] {
        let others: String = (0..more).map(|number| format!(r#""n{number}":0,"#)).collect();
        let text = format!(r#"{{"a":1,"b":2,{others}"\u0061":3,"c":4,"b":5,"a":6}}"#);
        let json: Json<'_> = serde_json::from_str(&text).unwrap();
        let owned: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json.to_value(), owned);
        assert_eq!(names_of(&json), owned.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
        assert_eq!(json.member("a").unwrap().to_value(), json!(6));
    }
}

#[test]
fn an_object_of_a_hundred_thousand_names_is_read_and_each_of_them_is_there_once() {
    // Compared each with each, this would take minutes.
    let count = 100_000_usize;
    let members = (0..count).chain(0..count).map(|number| format!(r#""n{number}":{number}"#));
    let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    let json: Json<'_> = serde_json::from_str(&text).unwrap();
    let numbers: Vec<Value> = json.members().map(|(_, value)| value.to_value()).collect();
    assert_eq!(numbers, (0..count).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn what_is_no_json_is_refused_in_the_same_words() {
    let deep = "[".repeat(200);
    for text in
        ["", "{", "{\"a\":}", "[1,\n2", "nul", "\"\u{1}\"", "1e999", "{1:2}", "\"\\ud800\"", "[] x", &deep]
    {
        let own = serde_json::from_str::<Json<'_>>(text).unwrap_err().to_string();
        assert_eq!(own, serde_json::from_str::<Value>(text).unwrap_err().to_string(), "{text}");
    }
    let bytes = b"{\"a\":\"\xff\"}";
    let own = serde_json::from_slice::<Json<'_>>(bytes).unwrap_err().to_string();
    assert_eq!(own, serde_json::from_slice::<Value>(bytes).unwrap_err().to_string());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..40)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn it_says_the_same_as_json_that_owns(value in any_json()) {
        let text = value.to_string();
        let owned: Value = serde_json::from_str(&text).unwrap();
        let json: Json<'_> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&json.to_value(), &owned);
        prop_assert_eq!(&owned.to_value(), &owned);
        prop_assert_eq!(serde_json::to_string(&json).unwrap(), owned.to_string());
    }
}
