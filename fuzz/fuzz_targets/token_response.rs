//! `standin_fuzz::TARGETS`: `token_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("token_response", bytes);
});
