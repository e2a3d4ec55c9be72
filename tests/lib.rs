//! Tests live in the files beside this crate; see `tests/stories`.
