//! Keys and values that are stored as redb's own kinds are, and that read as damaged where redb would panic over them.

use std::{
    borrow::Cow,
    cmp::Ordering,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ::redb::{Key, TypeName, Value};

use crate::{Result, StoreError};

/// Reads tables whose keys have several texts: such a key says how long they are, and redb panics where that is damaged.
pub(super) fn unless_broken<T>(what: &str, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StoreError::Damaged { what: what.to_owned() }))
}

/// What a damaged text reads as. No name, id or key that is stored has this character.
pub(super) const NOT_TEXT: &str = "\u{fffd}";

/// Text in a key: stored as `&str` is, ordered by its bytes.
#[derive(Debug)]
pub(super) struct Text;

impl Value for Text {
    type SelfType<'a> = &'a str;
    type AsBytes<'a> = &'a str;

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a str
    where
        Self: 'a,
    {
        std::str::from_utf8(data).unwrap_or(NOT_TEXT)
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> &'a str {
        value
    }

    fn type_name() -> TypeName {
        <&str>::type_name()
    }
}

impl Key for Text {
    fn compare(data1: &[u8], data2: &[u8]) -> Ordering {
        data1.cmp(data2)
    }

    fn separator<'a>(left: &'a [u8], right: &'a [u8]) -> Cow<'a, [u8]> {
        <&str>::separator(left, right)
    }

    fn min_encoded_key() -> Option<Cow<'static, [u8]>> {
        <&str>::min_encoded_key()
    }
}

/// Yes or no, in a value; `None` where it is damaged. Stored as `bool` is.
#[derive(Debug)]
pub(super) struct Flag;

impl Value for Flag {
    type SelfType<'a> = Option<bool>;
    type AsBytes<'a> = [u8; 1];

    fn fixed_width() -> Option<usize> {
        Some(1)
    }

    fn from_bytes<'a>(data: &'a [u8]) -> Option<bool>
    where
        Self: 'a,
    {
        match data {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> [u8; 1] {
        [value.map_or(DAMAGED, u8::from)]
    }

    fn type_name() -> TypeName {
        bool::type_name()
    }
}

/// What is neither yes nor no.
const DAMAGED: u8 = 2;
