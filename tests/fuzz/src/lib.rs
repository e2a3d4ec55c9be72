//! What comes from outside, each as a function over any bytes that must end in order: [`TARGETS`] by name, a corpus for each
//! in `tests/data/fuzz`, and seeded [mutations](mutate) of it.
//!
//! The functions panic where what they promise does not hold, which is what a fuzzer looks for.

mod guest;
mod input;
pub mod mutate;
mod response;
mod signature;

/// One thing that is read from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its folder in `tests/data/fuzz`.
    pub name: &'static str,
    /// Reads these bytes and checks what holds whatever they are.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "event", run: input::event },
    Target { name: "relay", run: input::relay },
    Target { name: "settings", run: input::settings },
    Target { name: "site", run: input::site },
    Target { name: "row", run: leadhook_store::redb::fuzzing::row },
    Target { name: "guest", run: guest::draft },
    Target { name: "response", run: response::response },
    Target { name: "signature", run: signature::signature },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
