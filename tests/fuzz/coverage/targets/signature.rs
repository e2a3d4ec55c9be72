//! The target `signature` of leadhook-fuzz, led by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (leadhook_fuzz::target("signature").expect("it is in the list").run)(bytes);
});
