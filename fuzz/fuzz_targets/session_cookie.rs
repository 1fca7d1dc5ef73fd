//! `standin_fuzz::TARGETS`: `session_cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("session_cookie", bytes);
});
