//! The target `event` of leadhook-fuzz, led by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (leadhook_fuzz::target("event").expect("it is in the list").run)(bytes);
});
