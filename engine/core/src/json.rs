//! JSON that borrows its texts from the input, and what it has in common with the JSON that owns them.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

/// Up to this many members, each is compared with those before it, which costs less than hashing them.
const COMPARED_MAX: usize = 32;

/// A JSON value as it stands in a text. Lasts as long as the text: only texts with escapes are its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Members<'a>),
}

/// The members of an object, in the order in which their names first stood; of those with one name, the last counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// What can be read as JSON.
pub trait Tree: Serialize + Sized {
    /// The value itself.
    fn view(&self) -> View<'_, Self>;

    /// The member of this name, `None` when this is no object or has no such member. Takes time by the number of
    /// members.
    fn member(&self, name: &str) -> Option<&Self>;

    /// The members of an object in their order; none of what is no object.
    fn members(&self) -> impl Iterator<Item = (&str, &Self)>;

    /// The whole as JSON that lasts.
    fn to_value(&self) -> Value {
        match self.view() {
            View::Null => Value::Null,
            View::Bool(yes) => Value::Bool(yes),
            View::Number(number) => Value::Number(number.clone()),
            View::Text(text) => Value::from(text),
            View::Array(items) => items.iter().map(Tree::to_value).collect(),
            View::Object => self.members().map(|(name, value)| (name, value.to_value())).collect(),
        }
    }
}

/// One value of a [`Tree`].
#[derive(Debug)]
pub enum View<'a, T> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(&'a Number),
    /// Text.
    Text(&'a str),
    /// An array.
    Array(&'a [T]),
    /// An object; see [`Tree::member`] and [`Tree::members`].
    Object,
}

impl<T> View<'_, T> {
    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Object => "an object",
        }
    }
}

impl Tree for Value {
    fn view(&self) -> View<'_, Self> {
        match self {
            Self::Null => View::Null,
            Self::Bool(yes) => View::Bool(*yes),
            Self::Number(number) => View::Number(number),
            Self::String(text) => View::Text(text),
            Self::Array(items) => View::Array(items),
            Self::Object(_) => View::Object,
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }
}

impl Tree for Json<'_> {
    fn view(&self) -> View<'_, Self> {
        match self {
            Self::Null => View::Null,
            Self::Bool(yes) => View::Bool(*yes),
            Self::Number(number) => View::Number(number),
            Self::Text(text) => View::Text(text),
            Self::Array(items) => View::Array(items),
            Self::Object(_) => View::Object,
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.members().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        let members = match self {
            Self::Object(Members(members)) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl<'a> Members<'a> {
    /// Makes members of what stood in a text. Takes time by their number, also where names come again and again.
    fn new(mut stated: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        let comes_again = |index: usize| stated[..index].iter().any(|(name, _)| *name == stated[index].0);
        if stated.len() <= COMPARED_MAX && !(1..stated.len()).any(comes_again) {
            return Self(stated);
        }
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::with_capacity(stated.len());
        let mut kept = 0;
        for index in 0..stated.len() {
            match places.entry(stated[index].0.clone()) {
                Entry::Occupied(place) => stated.swap(*place.get(), index),
                Entry::Vacant(place) => {
                    place.insert(kept);
                    stated.swap(kept, index);
                    kept += 1;
                }
            }
        }
        stated.truncate(kept);
        Self(stated)
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(yes) => serializer.serialize_bool(*yes),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(Members(members)) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(Members::new(members)))
    }
}

/// Reads a member's name.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
