//! What must not compile: proofs by the type system, pinned.

#[test]
fn vc_8_what_must_not_compile_does_not() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
