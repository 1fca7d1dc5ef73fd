//! `standin_fuzz::TARGETS`: `security_event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("security_event", bytes);
});
