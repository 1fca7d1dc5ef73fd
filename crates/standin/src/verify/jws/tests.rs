use super::*;
use crate::secret::IdToken;
use crate::verify::UnverifiedIdToken;
use crate::verify::test_signer::{Signer, encode, jwks};

const CLAIMS: &str = "{}";

fn keys(signers: &[Signer]) -> KeySet {
    KeySet::parse(&jwks(signers)).unwrap()
}

fn check(token: &IdToken, signers: &[Signer]) -> Result<(), IdTokenFault> {
    check_signature(UnverifiedIdToken::parse(token).unwrap().jws(), &keys(signers))
}

/// The same token with one part replaced.
fn with_part(token: &IdToken, index: usize, part: &str) -> IdToken {
    let mut parts: Vec<&str> = token.expose().split('.').collect();
    parts[index] = part;
    IdToken::new(parts.join("."))
}

#[test]
fn a_signature_by_the_named_key_holds() {
    for signer in [Signer::rsa("a"), Signer::p256("a")] {
        let token = signer.sign(CLAIMS);
        assert_eq!(check(&token, &[signer]), Ok(()));
        let others = [Signer::other_rsa("b"), Signer::other_p256("c"), signer];
        assert_eq!(check(&token, &others), Ok(()));
    }
}

#[test]
fn id_1_a_changed_token_is_refused() {
    for signer in [Signer::rsa("a"), Signer::p256("a")] {
        let token = signer.sign(CLAIMS);
        let alg = match signer.jwk()["alg"].as_str() {
            Some("RS256") => "RS256",
            _ => "ES256",
        };
        let header = encode(format!(r#"{{"alg":"{alg}","kid":"a"}}"#).as_bytes());
        for changed in [
            with_part(&token, 0, &header),
            with_part(&token, 1, &encode(br#"{"sub":"eve"}"#)),
            with_part(&token, 2, ""),
            with_part(&token, 2, &encode(&[0; 64])),
            with_part(&token, 2, &encode(&[0; 256])),
            with_part(&token, 2, &encode(&[0; 257])),
            with_part(&token, 2, &encode(&[0xff; 256])),
        ] {
            assert_eq!(check(&changed, &[signer]), Err(IdTokenFault::SignatureInvalid));
        }
    }
}

#[test]
fn id_1_the_header_cannot_choose_another_algorithm_than_the_keys() {
    let rsa = Signer::rsa("a");
    let token = rsa.sign_with_header(r#"{"alg":"ES256","kid":"a"}"#, CLAIMS);
    assert_eq!(check(&token, &[rsa]), Err(IdTokenFault::KeyMismatch));
    let p256 = Signer::p256("a");
    let token = p256.sign_with_header(r#"{"alg":"RS256","kid":"a"}"#, CLAIMS);
    assert_eq!(check(&token, &[p256]), Err(IdTokenFault::KeyMismatch));
}

#[test]
fn id_2_a_key_of_another_name_is_not_tried() {
    let token = Signer::rsa("a").sign(CLAIMS);
    assert_eq!(check(&token, &[Signer::rsa("b")]), Err(IdTokenFault::UnknownKey));
    assert_eq!(check(&token, &[]), Err(IdTokenFault::UnknownKey));
    assert_eq!(check(&token, &[Signer::other_rsa("a")]), Err(IdTokenFault::SignatureInvalid));
}

#[test]
fn id_2_of_two_keys_of_the_same_name_both_are_tried() {
    let token = Signer::rsa("a").sign(CLAIMS);
    let twins = [Signer::other_rsa("a"), Signer::p256("a"), Signer::rsa("a")];
    assert_eq!(check(&token, &twins), Ok(()));
    let es256 = Signer::p256("a").sign(CLAIMS);
    assert_eq!(check(&es256, &twins), Ok(()));
}

#[test]
fn id_2_without_a_name_every_fitting_key_is_tried_up_to_eight() {
    let signer = Signer::p256("a");
    let token = signer.sign_with_header(r#"{"alg":"ES256"}"#, CLAIMS);
    let mut signers = vec![Signer::rsa("r")];
    signers.extend([Signer::other_p256("x"); 7]);
    signers.push(signer);
    assert_eq!(check(&token, &signers), Ok(()));
    signers.insert(0, Signer::other_p256("y"));
    assert_eq!(check(&token, &signers), Err(IdTokenFault::SignatureInvalid));
    assert_eq!(check(&token, &[Signer::rsa("r")]), Err(IdTokenFault::KeyMismatch));
    assert_eq!(check(&token, &[]), Err(IdTokenFault::UnknownKey));
}

#[test]
fn id_3_a_key_inside_the_token_is_ignored() {
    let attacker = Signer::other_rsa("a");
    let header = format!(
        r#"{{"alg":"RS256","kid":"a","jwk":{},"jku":"https://evil.example/","x5u":"https://evil.example/","x5c":["AAAA"]}}"#,
        attacker.jwk()
    );
    let forged = attacker.sign_with_header(&header, CLAIMS);
    assert_eq!(check(&forged, &[Signer::rsa("a")]), Err(IdTokenFault::SignatureInvalid));
    let honest = Signer::rsa("a").sign_with_header(&header, CLAIMS);
    assert_eq!(check(&honest, &[Signer::rsa("a")]), Ok(()));
}
