//! `standin_fuzz::TARGETS`: `id_token_claims`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standin_fuzz::run("id_token_claims", bytes);
});
