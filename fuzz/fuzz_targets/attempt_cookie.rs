//! `standin_fuzz::TARGETS`: `attempt_cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("attempt_cookie", bytes);
});
