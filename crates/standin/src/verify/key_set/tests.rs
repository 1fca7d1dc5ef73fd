use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::verify::test_signer::{Signer, encode, jwks};

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Whether a key, changed by these members (null removes one), is used.
fn is_used(jwk: &Value, changes: &Value) -> bool {
    let mut jwk = jwk.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => jwk.remove(name),
            value => jwk.insert(name.clone(), value.clone()),
        };
    }
    !parse(&[Value::Object(jwk)]).is_empty()
}

#[test]
fn an_array_is_neither_a_key_set_nor_a_key() {
    assert!(matches!(KeySet::parse(b"[[]]"), Err(KeySetFault::Malformed)));
    let written = Signer::p256("k").jwk();
    let member = |name| written[name].clone();
    let mut members = vec![Value::Null; 18];
    for (place, name) in [(0, "alg"), (1, "crv"), (4, "kid"), (5, "kty"), (8, "x"), (9, "y")] {
        members[place] = member(name);
    }
    let keys = json!({ "keys": [members] }).to_string();
    assert!(KeySet::parse(keys.as_bytes()).unwrap().is_empty());
}

#[test]
fn keys_are_found_by_their_names() {
    let set = KeySet::parse(&jwks(&[Signer::rsa("a"), Signer::p256("b")])).unwrap();
    assert_eq!(set.len(), 2);
    assert!(set.has_kid("a") && set.has_kid("b"));
    assert!(!set.has_kid("c") && !set.has_kid(""));
    assert_eq!(format!("{set:?}"), r#"KeySet([Rs256 Some("a"), Es256 Some("b")])"#);
}

#[test]
fn id_2_a_key_is_used_only_for_what_it_says_it_is_for() {
    for signer in [Signer::rsa("a"), Signer::p256("a")] {
        let jwk = signer.jwk();
        let (own, other) = match jwk["alg"].as_str() {
            Some("RS256") => ("RS256", "ES256"),
            _ => ("ES256", "RS256"),
        };
        for fine in [
            json!({}),
            json!({ "alg": null, "use": null, "kid": null }),
            json!({ "alg": own, "key_ops": ["verify"], "x5c": ["AAAA"], "extra": { "a": 1 } }),
            json!({ "key_ops": ["sign", "verify"] }),
        ] {
            assert!(is_used(&jwk, &fine), "{fine}");
        }
        for wrong in [
            json!({ "use": "enc" }),
            json!({ "use": "SIG" }),
            json!({ "use": "" }),
            json!({ "use": ["sig"] }),
            json!({ "key_ops": ["encrypt"] }),
            json!({ "key_ops": [] }),
            json!({ "key_ops": "verify" }),
            json!({ "alg": other }),
            json!({ "alg": "HS256" }),
            json!({ "alg": "RSA-OAEP" }),
            json!({ "alg": "none" }),
            json!({ "alg": "" }),
            json!({ "alg": 1 }),
            json!({ "kty": null }),
            json!({ "kty": "OKP" }),
            json!({ "kty": "rsa" }),
            json!({ "kty": 1 }),
            json!({ "kid": 1 }),
        ] {
            assert!(!is_used(&jwk, &wrong), "{wrong}");
        }
    }
}

#[test]
fn id_18_a_key_that_is_published_with_its_secret_is_dropped() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for jwk in [Signer::rsa("a").jwk(), Signer::p256("a").jwk()] {
            assert!(!is_used(&jwk, &json!({ (name): "AQAB" })), "{name}");
            assert!(!is_used(&jwk, &json!({ (name): 1 })), "{name}");
        }
    }
    let oct = json!({ "kty": "oct", "kid": "a", "k": "AAAA" });
    assert!(parse(&[oct]).is_empty());
}

#[test]
fn id_18_a_modulus_has_2048_to_8192_bits_and_no_leading_zero() {
    let jwk = Signer::rsa("a").jwk();
    let modulus = |bytes: usize, first: u8| {
        let mut n = vec![0xab; bytes];
        n[0] = first;
        n[bytes - 1] = 0xab;
        json!({ "n": encode(&n) })
    };
    for fine in [modulus(256, 0x80), modulus(384, 0xff), modulus(1024, 0xff)] {
        assert!(is_used(&jwk, &fine));
    }
    for wrong in [
        modulus(256, 0x7f),
        modulus(128, 0xff),
        modulus(64, 0xff),
        modulus(1025, 0x01),
        modulus(4096, 0xff),
        modulus(257, 0x00),
        json!({ "n": "" }),
        json!({ "n": null }),
        json!({ "n": 3 }),
        json!({ "n": format!("{}=", jwk["n"].as_str().unwrap()) }),
        json!({ "n": format!("{}!", jwk["n"].as_str().unwrap()) }),
    ] {
        assert!(!is_used(&jwk, &wrong), "{wrong}");
    }
}

#[test]
fn id_18_modulus_and_exponent_are_odd() {
    let jwk = Signer::rsa("a").jwk();
    let mut even = vec![0xab; 256];
    even[255] = 0xaa;
    assert!(!is_used(&jwk, &json!({ "n": encode(&even) })));
    for (e, fine) in [
        (&[1, 0, 1][..], true),
        (&[1, 0, 3], true),
        (&[0xff, 0xff, 0xff, 0xff], true),
        (&[], false),
        (&[0], false),
        (&[1], false),
        (&[3], false),
        (&[17], false),
        (&[0xff, 0xff], false),
        (&[1, 0, 0], false),
        (&[1, 0, 2], false),
        (&[0, 1, 0, 1], false),
        (&[1, 0, 0, 0, 1], false),
    ] {
        assert_eq!(is_used(&jwk, &json!({ "e": encode(e) })), fine, "{e:?}");
    }
    assert!(!is_used(&jwk, &json!({ "e": null })));
    assert!(!is_used(&jwk, &json!({ "e": 65537 })));
}

#[test]
fn id_18_a_modulus_of_a_broken_chip_is_dropped() {
    let jwk = Signer::rsa("a").jwk();
    let n = encode(&roca::tests::patterned_modulus());
    assert!(!is_used(&jwk, &json!({ "n": n })));
}

#[test]
fn id_18_a_point_lies_on_the_curve_that_fits_the_algorithm() {
    let jwk = Signer::p256("a").jwk();
    let short = encode(&[1; 31]);
    for wrong in [
        json!({ "crv": "P-384" }),
        json!({ "crv": "secp256k1" }),
        json!({ "crv": null }),
        json!({ "x": null }),
        json!({ "y": null }),
        json!({ "y": jwk["x"] }),
        json!({ "x": short }),
        json!({ "x": encode(&[0; 33]) }),
        json!({ "x": encode(&[0; 32]), "y": encode(&[0; 32]) }),
        json!({ "x": encode(&[0xff; 32]) }),
    ] {
        assert!(!is_used(&jwk, &wrong), "{wrong}");
    }
}

#[test]
fn one_odd_key_does_not_take_the_others_with_it() {
    let good = Signer::p256("good").jwk().to_string();
    let twice = format!("{},\"kid\":\"again\"}}", good.trim_end_matches('}'));
    for odd in ["{}", "null", "1", "[]", r#""key""#, r#"{"kty":"OKP","crv":"Ed25519"}"#, &twice] {
        let set = KeySet::parse(format!(r#"{{"keys":[{odd},{good}]}}"#).as_bytes()).unwrap();
        assert_eq!(set.len(), 1, "{odd}");
        assert!(set.has_kid("good"));
    }
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    for json in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":"a"}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]} x"#,
        r#"{"keys":[}"#,
        "<html>",
    ] {
        let fault = KeySet::parse(json.as_bytes()).err();
        assert_eq!(fault, Some(KeySetFault::Malformed), "{json:?}");
    }
}

#[test]
fn id_17_more_than_64_keys_are_refused_whole() {
    let jwk = Signer::p256("a").jwk();
    assert_eq!(parse(&vec![jwk.clone(); MAX_KEYS]).len(), MAX_KEYS);
    let json = json!({ "keys": vec![jwk; MAX_KEYS + 1] }).to_string();
    let fault = KeySet::parse(json.as_bytes()).err();
    assert_eq!(fault, Some(KeySetFault::TooManyKeys));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeySet::parse(&bytes);
    }

    #[test]
    fn no_numbers_make_the_parser_panic(
        n in prop::collection::vec(any::<u8>(), 0..300),
        e in prop::collection::vec(any::<u8>(), 0..6),
        x in prop::collection::vec(any::<u8>(), 30..34),
    ) {
        let (n, e, x) = (encode(&n), encode(&e), encode(&x));
        parse(&[
            json!({ "kty": "RSA", "n": n, "e": e }),
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x }),
        ]);
    }
}
