//! `standin_fuzz::TARGETS`: `return_to`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("return_to", bytes);
});
