//! `standin_fuzz::TARGETS`: `callback_query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("callback_query", bytes);
});
