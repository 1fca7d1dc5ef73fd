use serde_json::{Value, json};

use super::*;
use crate::secret::{AccessToken, Nonce, sha256};
use crate::time::Timestamp;
use crate::verify::test_signer::{Signer, encode, jwks};
use crate::verify::{ExpectedNonce, LEEWAY, ProviderId};

const NOW: i64 = 1_766_000_000;
const CODE: &str = "a-code";
const ACCESS_TOKEN: &str = "an-access-token";

struct World {
    provider: ProviderId,
    nonce: Nonce,
    access_token: AccessToken,
    code: AuthorizationCode,
    keys: KeySet,
}

impl World {
    fn new() -> Self {
        Self {
            provider: "idp".parse().unwrap(),
            nonce: Nonce::new("n"),
            access_token: AccessToken::new(ACCESS_TOKEN),
            code: AuthorizationCode::new(CODE),
            keys: KeySet::parse(&jwks(&[Signer::p256("k")])).unwrap(),
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            provider: &self.provider,
            issuer: "https://idp.example",
            issuer_aliases: &[],
            client_id: "client",
            nonce: ExpectedNonce::Required(&self.nonce),
            access_token: None,
            code: None,
            now: Timestamp::from_unix_seconds(NOW),
            leeway: LEEWAY,
            hosted_domains: &[],
            authenticated_since: None,
            acr_values: &[],
            tenants: None,
        }
    }

    fn front_of(&self, token: IdToken) -> Result<VerifiedFront, IdTokenFault> {
        let front = UnverifiedFront::new(AuthorizationCode::new(CODE), token);
        verify_front(front, &self.keys, &self.expected(), &mut Receipt::unkept())
    }

    /// What becomes of a front channel's token with these claims changed.
    fn front(&self, change: &Value) -> Result<VerifiedFront, IdTokenFault> {
        let claims = changed(&json!({ "c_hash": hash(CODE) }), change);
        self.front_of(Signer::p256("k").sign(&claims))
    }

    /// What becomes of a token endpoint's token, after a good one of the front channel.
    fn back(&self, change: &Value) -> Result<VerifiedIdentity, IdTokenFault> {
        let front = self.front(&json!({})).unwrap();
        let claims = changed(&json!({ "at_hash": hash(ACCESS_TOKEN) }), change);
        let token = Signer::p256("k").sign(&claims);
        let (access_token, code) = (Some(&self.access_token), Some(&self.code));
        let expected = Expected { access_token, code, ..self.expected() };
        let token = UnverifiedIdToken::parse(&token).unwrap();
        verify_hybrid_id_token(&token, &self.keys, &expected, &front, &mut Receipt::unkept())
    }
}

/// The claims of a sign-in with these in them, and then these; `null` takes one away.
fn changed(more: &Value, change: &Value) -> String {
    let mut claims = json!({
        "iss": "https://idp.example", "aud": "client", "sub": "ada", "nonce": "n",
        "iat": NOW, "exp": NOW + 3600,
    });
    let claims_of = claims.as_object_mut().unwrap();
    claims_of.extend(more.as_object().unwrap().clone());
    claims_of.extend(change.as_object().unwrap().clone());
    claims_of.retain(|_, value| !value.is_null());
    claims.to_string()
}

/// The left half of a SHA-256.
fn hash(text: &str) -> String {
    encode(&sha256(text.as_bytes())[..16])
}

#[test]
fn id_10_the_code_is_had_only_from_a_token_that_vouches_for_it() {
    let world = World::new();
    let front = world.front(&json!({})).unwrap();
    assert_eq!(front.code().expose(), CODE);
    for (c_hash, fault) in [
        (Value::Null, IdTokenFault::CodeHashMissing),
        (json!(""), IdTokenFault::CodeHashMismatch),
        (json!(1), IdTokenFault::CodeHashMismatch),
        (json!(hash("another")), IdTokenFault::CodeHashMismatch),
        (json!(encode(&sha256(CODE.as_bytes()))), IdTokenFault::CodeHashMismatch),
        (json!(hash(CODE).to_uppercase()), IdTokenFault::CodeHashMismatch),
        (json!([hash(CODE)]), IdTokenFault::CodeHashMismatch),
    ] {
        let verdict = world.front(&json!({ "c_hash": c_hash }));
        assert_eq!(verdict.err(), Some(fault), "{c_hash}");
    }
}

/// A written `null` is a claim, and not the lack of one.
#[test]
fn id_10_a_code_hash_that_is_null_is_none() {
    let claims = changed(&json!({}), &json!({})).replace("\"nonce\"", "\"c_hash\":null,\"nonce\"");
    let verdict = World::new().front_of(Signer::p256("k").sign(&claims));
    assert_eq!(verdict.err(), Some(IdTokenFault::CodeHashMismatch));
}

#[test]
fn id_10_a_token_whose_hash_algorithm_is_unknown_vouches_for_nothing() {
    let claims = changed(&json!({ "c_hash": hash(CODE) }), &json!({}));
    for algorithm in ["ES256K", "ES512", "RS1", "none", "HS256"] {
        let header = json!({ "alg": algorithm, "kid": "k", "typ": "JWT" });
        let token = Signer::p256("k").sign_with_header(&header.to_string(), &claims);
        let verdict = World::new().front_of(token).err();
        assert_eq!(verdict, Some(IdTokenFault::AlgorithmRefused), "{algorithm}");
    }
}

#[test]
fn id_10_a_token_of_the_front_channel_passes_every_other_check_too() {
    let world = World::new();
    for (change, fault) in [
        (json!({ "iss": "https://evil.example" }), IdTokenFault::IssuerMismatch),
        (json!({ "aud": "another" }), IdTokenFault::AudienceMismatch),
        (json!({ "aud": null }), IdTokenFault::AudienceMismatch),
        (json!({ "nonce": "another" }), IdTokenFault::NonceMismatch),
        (json!({ "nonce": null }), IdTokenFault::NonceMismatch),
        (json!({ "exp": NOW - 61, "iat": NOW - 3600 }), IdTokenFault::Expired),
        (json!({ "iat": null }), IdTokenFault::IssuedAtInvalid),
        (json!({ "sub": null }), IdTokenFault::SubjectInvalid),
    ] {
        assert_eq!(world.front(&change).err(), Some(fault), "{change}");
    }
    let claims = changed(&json!({ "c_hash": hash(CODE) }), &json!({}));
    let forged = world.front_of(Signer::other_p256("k").sign(&claims));
    assert_eq!(forged.err(), Some(IdTokenFault::SignatureInvalid));
}

#[test]
fn id_11_both_tokens_are_about_the_same_person() {
    let world = World::new();
    assert_eq!(world.back(&json!({})).unwrap().identity().subject, "ada");
    for (change, fault) in [
        (json!({ "sub": "eve" }), IdTokenFault::SubjectMismatch),
        (json!({ "sub": "Ada" }), IdTokenFault::SubjectMismatch),
        (json!({ "sub": null }), IdTokenFault::SubjectInvalid),
        (json!({ "iss": "https://idp.example/" }), IdTokenFault::IssuerMismatch),
    ] {
        assert_eq!(world.back(&change).err(), Some(fault), "{change}");
    }
}

#[test]
fn cb_10_the_token_endpoints_token_is_checked_as_if_it_were_the_only_one() {
    let world = World::new();
    for (change, fault) in [
        (json!({ "nonce": "another" }), IdTokenFault::NonceMismatch),
        (json!({ "nonce": null }), IdTokenFault::NonceMismatch),
        (json!({ "at_hash": hash("another") }), IdTokenFault::AccessTokenHashMismatch),
        (json!({ "c_hash": hash("another") }), IdTokenFault::CodeHashMismatch),
        (json!({ "aud": "another" }), IdTokenFault::AudienceMismatch),
    ] {
        assert_eq!(world.back(&change).err(), Some(fault), "{change}");
    }
}
