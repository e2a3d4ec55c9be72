//! The leadhook binary.
fn main() {}
