//! `standin_fuzz::TARGETS`: `discovery`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("discovery", bytes);
});
