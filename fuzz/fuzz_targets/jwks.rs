//! `standin_fuzz::TARGETS`: `jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("jwks", bytes);
});
