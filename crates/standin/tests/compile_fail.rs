//! What must not compile: proofs by the type system, pinned.

#[test]
fn vc_8_what_must_not_compile_does_not() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn vc_10_a_secret_cannot_be_looked_up_or_compared_by_its_bytes() {
    trybuild::TestCases::new().compile_fail("tests/ui/lookup/*.rs");
}
