//! `standin_fuzz::TARGETS`: `cookie_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("cookie_header", bytes);
});
