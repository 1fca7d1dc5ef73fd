//! `standin_fuzz::TARGETS`: `grant_envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("grant_envelope", bytes);
});
