//! The target `relay` of leadhook-fuzz, led by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (leadhook_fuzz::target("relay").expect("it is in the list").run)(bytes);
});
