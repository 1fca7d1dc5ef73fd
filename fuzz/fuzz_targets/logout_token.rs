//! `standin_fuzz::TARGETS`: `logout_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("logout_token", bytes);
});
