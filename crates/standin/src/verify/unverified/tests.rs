use proptest::prelude::*;

use super::*;
use crate::verify::test_signer::{Signer, encode};

const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#;

fn fault_of(token: impl Into<String>) -> Option<IdTokenFault> {
    UnverifiedIdToken::parse(&IdToken::new(token)).err()
}

fn fault_of_header(header: &str) -> Option<IdTokenFault> {
    fault_of(format!("{}.e30.AAAA", encode(header.as_bytes())))
}

#[test]
fn a_token_tells_the_key_it_names_and_is_not_printed() {
    let token = Signer::p256("k").sign("{}");
    let token = UnverifiedIdToken::parse(&token).unwrap();
    assert_eq!(token.unverified_kid(), Some("k"));
    assert_eq!(format!("{token:?}"), "UnverifiedIdToken(…)");
    assert_eq!(fault_of_header(r#"{"alg":"RS256"}"#), None);
}

#[test]
fn id_1_an_algorithm_that_is_not_on_the_list_is_refused() {
    let none = ["none", "NONE", "nOnE", "None", "", " ", "none\\u0000"];
    let symmetric = ["HS256", "HS384", "HS512", "dir", "A256KW"];
    let others =
        ["RS1", "RS384", "RS512", "PS256", "ES384", "ES256K", "EdDSA", "rs256", "RS256 ", "Rs256"];
    for alg in [&none[..], &symmetric, &others].concat() {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(fault_of_header(&header), Some(IdTokenFault::AlgorithmRefused), "{alg:?}");
    }
    for header in [
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":["RS256"]}"#,
        r#"{"alg":256}"#,
        r#"{"alg":true}"#,
        r#"{"ALG":"RS256"}"#,
    ] {
        assert_eq!(fault_of_header(header), Some(IdTokenFault::AlgorithmRefused), "{header}");
    }
}

#[test]
fn id_3_another_kind_of_token_is_refused() {
    for typ in [
        r#""at+jwt""#,
        r#""application/at+jwt""#,
        r#""logout+jwt""#,
        r#""secevent+jwt""#,
        r#""jwt""#,
        r#""JWS""#,
        r#""""#,
        "null",
        "1",
        r#"["JWT"]"#,
    ] {
        let header = format!(r#"{{"alg":"RS256","typ":{typ}}}"#);
        assert_eq!(fault_of_header(&header), Some(IdTokenFault::TypeRefused), "{typ}");
    }
}

#[test]
fn id_3_an_extension_that_must_be_understood_is_refused() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":"true""#,
        r#""b64":0"#,
        r#""b64":null"#,
    ] {
        let header = format!(r#"{{"alg":"RS256",{member}}}"#);
        assert_eq!(fault_of_header(&header), Some(IdTokenFault::CriticalExtension), "{member}");
    }
    assert_eq!(fault_of_header(r#"{"alg":"RS256","b64":true}"#), None);
}

#[test]
fn id_3_encrypted_tokens_and_json_serializations_are_refused() {
    let header = encode(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    let token = Signer::p256("k").sign("{}");
    let [header_part, claims, signature] = parts(token.expose(), MAX_TOKEN_BYTES).unwrap();
    let json = format!(
        r#"{{"payload":"{claims}","protected":"{header_part}","signature":"{signature}"}}"#
    );
    for text in [format!("{header}.AA.AA.AA.AA"), json] {
        assert_eq!(fault_of(text), Some(IdTokenFault::NotCompact));
    }
}

#[test]
fn id_4_a_token_has_exactly_three_parts() {
    for text in ["", "e30", "e30.e30", "e30.e30.AA.", "...", "e30.e30.AA.AA"] {
        assert_eq!(fault_of(text), Some(IdTokenFault::NotCompact), "{text:?}");
    }
    for text in ["..", ".e30.AA"] {
        assert_eq!(fault_of(text), Some(IdTokenFault::HeaderMalformed), "{text:?}");
    }
}

#[test]
fn id_4_only_canonical_base64url_is_read() {
    let header = encode(HEADER.as_bytes());
    assert_eq!(fault_of(format!("{header}.e30.AAA")), None);
    // One character too few or too many, padding, white space, the other alphabet, stray trailing bits,
    // foreign characters.
    let wrong = [
        "A", "AAAAA", "AA==", "AAA=", " AAA", "AAA ", "AA\nA", "AA\tA", "A+AA", "A/AA", "AB",
        "AAB", "AA?A", "AA\u{e9}", "AA\0A", "%41AA",
    ];
    for part in wrong {
        for text in [
            format!("{header}.{part}.AAAA"),
            format!("{header}.e30.{part}"),
            format!("{part}.e30.AAAA"),
            format!("{header}{part}.e30.AAAA"),
        ] {
            assert!(fault_of(&*text).is_some(), "{text:?}");
        }
        let in_signature = fault_of(format!("{header}.e30.{part}"));
        assert_eq!(in_signature, Some(IdTokenFault::EncodingInvalid), "{part:?}");
    }
}

#[test]
fn id_4_a_header_with_a_repeated_member_is_refused() {
    for header in [
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"none","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"RS256","x":1,"x":1}"#,
        r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"EC"}}"#,
    ] {
        assert_eq!(fault_of_header(header), Some(IdTokenFault::HeaderMalformed), "{header}");
    }
}

#[test]
fn id_4_a_header_that_is_not_one_json_object_is_refused() {
    let deep = format!(r#"{{"alg":"RS256","x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let many: Vec<String> = (0..300).map(|i| format!(r#""m{i}":0"#)).collect();
    let many = format!("{{{}}}", many.join(","));
    for header in [
        "",
        "null",
        "[]",
        r#""RS256""#,
        r#"{"alg":"RS256"}{}"#,
        r#"{"alg":"RS256"} x"#,
        r#"{"alg":"RS256",}"#,
        r#"{"alg":'RS256'}"#,
        r#"{"alg":"RS256","kid":1}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"alg":"RS256","x":"\ud800"}"#,
        "\u{feff}{\"alg\":\"RS256\"}",
        &deep,
        &many,
    ] {
        assert_eq!(fault_of_header(header), Some(IdTokenFault::HeaderMalformed), "{header}");
    }
    let not_utf8 = format!("{}.e30.AAAA", encode(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}"));
    assert_eq!(fault_of(not_utf8), Some(IdTokenFault::HeaderMalformed));
}

#[test]
fn id_19_size_is_checked_before_dots_and_dots_before_splitting() {
    let dots = ".".repeat(1024 * 1024);
    assert_eq!(fault_of(dots), Some(IdTokenFault::TooLarge));
    let dots = ".".repeat(MAX_TOKEN_BYTES);
    assert_eq!(fault_of(dots), Some(IdTokenFault::NotCompact));
    let header = encode(HEADER.as_bytes());
    let claims = "A".repeat(MAX_TOKEN_BYTES - header.len() - "..AAAA".len());
    // A length of 1 modulo 4 is no base64url.
    let claims = &claims[..claims.len() / 4 * 4];
    assert_eq!(fault_of(format!("{header}.{claims}.AAAA")), None);
    assert_eq!(fault_of(format!("{header}.{claims}AAAA.AAAA")), Some(IdTokenFault::TooLarge));
}

/// The most memory that this process has had: splitting these dots would take a gigabyte.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
fn id_19_what_is_too_large_costs_no_memory() {
    let dots = IdToken::new(".".repeat(64 << 20));
    let before = peak_kib();
    assert_eq!(UnverifiedIdToken::parse(&dots).err(), Some(IdTokenFault::TooLarge));
    assert!(peak_kib() < before + 8 * 1024, "{} KiB more", peak_kib() - before);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = fault_of(text);
    }

    #[test]
    fn no_bytes_in_three_parts_make_the_parser_panic(
        header in prop::collection::vec(any::<u8>(), 0..200),
        claims in prop::collection::vec(any::<u8>(), 0..200),
        signature in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let parts = [header, claims, signature].map(|part| encode(&part));
        let _ = fault_of(parts.join("."));
    }

    #[test]
    fn no_json_in_the_header_makes_the_parser_panic(
        member in "[a-z]{0,4}", value in r#"[\[\]{}",:0-9a-z.\\-]{0,40}"#,
    ) {
        let _ = fault_of_header(&format!(r#"{{"alg":"RS256","{member}":{value}}}"#));
    }
}
