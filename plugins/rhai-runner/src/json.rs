//! JSON text and a script's values, each made into the other.

use std::fmt;

use rhai::{Array, Dynamic, Map};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// How deep a value that is written may be nested; what is read is bounded by the parser, at 128.
const DEPTH_MAX: usize = 64;

/// Reads JSON text. Objects become maps, null becomes `()`, and a number too large for an integer a float.
///
/// # Errors
/// Words for what is wrong with the text, and where.
pub(crate) fn read(text: &str) -> Result<Dynamic, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    Ok(value.0)
}

/// Writes a value as JSON text, a map's names in alphabetical order.
///
/// # Errors
/// Words for a value that JSON cannot tell, or that is nested too deep.
pub(crate) fn write(value: &Dynamic) -> Result<String, String> {
    let mut text = String::new();
    write_value(value, &mut text, 0)?;
    Ok(text)
}

fn write_value(value: &Dynamic, text: &mut String, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("the value is nested more than {DEPTH_MAX} deep"));
    }
    if value.is_unit() {
        text.push_str("null");
    } else if let Ok(flag) = value.as_bool() {
        text.push_str(if flag { "true" } else { "false" });
    } else if let Ok(number) = value.as_int() {
        text.push_str(&number.to_string());
    } else if let Ok(number) = value.as_float() {
        let number = serde_json::Number::from_f64(number).ok_or("JSON has no such number")?;
        text.push_str(&number.to_string());
    } else if let Ok(words) = value.as_immutable_string_ref() {
        write_text(&words, text);
    } else if let Ok(letter) = value.as_char() {
        write_text(letter.encode_utf8(&mut [0; 4]), text);
    } else if let Ok(values) = value.as_array_ref() {
        text.push('[');
        for (place, value) in values.iter().enumerate() {
            text.push_str(if place > 0 { "," } else { "" });
            write_value(value, text, depth + 1)?;
        }
        text.push(']');
    } else if let Ok(values) = value.as_map_ref() {
        text.push('{');
        for (place, (name, value)) in values.iter().enumerate() {
            text.push_str(if place > 0 { "," } else { "" });
            write_text(name, text);
            text.push(':');
            write_value(value, text, depth + 1)?;
        }
        text.push('}');
    } else {
        return Err(format!("JSON has no {}", value.type_name()));
    }
    Ok(())
}

fn write_text(words: &str, text: &mut String) {
    text.push_str(&serde_json::Value::from(words).to_string());
}

/// A script's value, read straight from JSON.
struct Value(Dynamic);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Value)
    }
}

/// Makes a script's value of each kind of JSON value.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Dynamic;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Dynamic, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    #[allow(clippy::cast_precision_loss, reason = "JSON's own numbers have no more precision")]
    fn visit_u64<E>(self, number: u64) -> Result<Dynamic, E> {
        Ok(i64::try_from(number).map_or_else(|_| (number as f64).into(), Dynamic::from_int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, words: &str) -> Result<Dynamic, E> {
        Ok(words.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Dynamic, A::Error> {
        let mut array = Array::new();
        while let Some(Value(value)) = values.next_element()? {
            array.push(value);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some((name, Value(value))) = values.next_entry::<std::borrow::Cow<'_, str>, _>()? {
            map.insert(name.as_ref().into(), value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn what_is_read_is_written_back() {
        for text in
            [r#"{"a":[1,-2,1.5,true,null,"я\"\n"],"b":{"c":{}}}"#, "[]", "\"x\"", "9223372036854775807"]
        {
            assert_eq!(write(&read(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_json_is_told_and_depth_is_bounded() {
        assert!(read("{").unwrap_err().contains("line 1 column 1"), "{:?}", read("{"));
        assert!(read(&"[".repeat(5_000)).unwrap_err().contains("recursion limit"));
        let deep = read(&format!("{}{}", "[".repeat(100), "]".repeat(100))).unwrap();
        assert!(write(&deep).unwrap_err().contains("nested more than 64"));
        assert!(write(&f64::NAN.into()).is_err());
    }
}
