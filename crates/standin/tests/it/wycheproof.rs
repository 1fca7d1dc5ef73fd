//! Every case of Project Wycheproof on signatures, through the door that providers' tokens come through: a key set
//! is read, and the token is verified with it.
//!
//! Their payloads are no claims of anybody, so a token whose signature is good ends at its claims.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use standin::receipt::Receipt;
use standin::secret::IdToken;
use standin::time::Timestamp;
use standin::verify::{
    Expected, ExpectedNonce, IdTokenFault, KeySet, UnverifiedIdToken, verify_id_token,
};

/// Which valid cases are refused, why, and with which fault.
type Deviations = &'static [(&'static [u64], &'static str, IdTokenFault)];

const MAC: &str = "whoever can check a MAC can make one: none is accepted";
const NOT_BUILT_IN: &str = "an algorithm that no provider of ours signs with";
const OTHER_ALGORITHM: &str = "the header names another algorithm than the key";
const FOREIGN: &str = "a character that is not of base64url";
const ENCRYPTED: &str = "no encryption is ever asked for";

const SIGNATURE: Deviations = &[
    (&[1, 348, 352, 357, 358, 359, 376, 377], MAC, IdTokenFault::AlgorithmRefused),
    (&[264, 265, 266, 267, 268, 269, 270, 271], NOT_BUILT_IN, IdTokenFault::AlgorithmRefused),
    (&[272, 273, 274, 275, 287, 288], NOT_BUILT_IN, IdTokenFault::AlgorithmRefused),
    (&[320, 321, 322, 323, 325, 326, 327, 328], NOT_BUILT_IN, IdTokenFault::AlgorithmRefused),
    (&[346, 347, 350, 351], OTHER_ALGORITHM, IdTokenFault::AlgorithmRefused),
    (&[372], FOREIGN, IdTokenFault::EncodingInvalid),
    // Its header, which is read first, names a MAC.
    (&[373], FOREIGN, IdTokenFault::AlgorithmRefused),
];
const KEY: Deviations = &[(&[2, 13, 14, 15], MAC, IdTokenFault::AlgorithmRefused)];
const CRYPTO: Deviations = &[
    (&[1, 48], MAC, IdTokenFault::AlgorithmRefused),
    (&[50, 67], ENCRYPTED, IdTokenFault::NotCompact),
];

#[test]
fn id_24_401_signatures_are_judged_as_wycheproof_does_or_more_strictly() {
    let vectors = include_str!("../vectors/wycheproof/json_web_signature.json");
    assert_eq!(judge(vectors, SIGNATURE), Counts { run: 401, accepted: 10, deviating: 36 });
}

#[test]
fn id_24_26_key_sets_are_judged_as_wycheproof_does_or_more_strictly() {
    let vectors = include_str!("../vectors/wycheproof/json_web_key.json");
    assert_eq!(judge(vectors, KEY), Counts { run: 26, accepted: 1, deviating: 4 });
}

#[test]
fn id_24_83_mixed_cases_are_judged_as_wycheproof_does_or_more_strictly() {
    let vectors = include_str!("../vectors/wycheproof/json_web_crypto.json");
    assert_eq!(judge(vectors, CRYPTO), Counts { run: 83, accepted: 2, deviating: 4 });
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    run: usize,
    accepted: usize,
    deviating: usize,
}

/// Runs every case. What is valid is accepted unless it is listed; everything else is refused.
fn judge(vectors: &str, deviations: Deviations) -> Counts {
    let mut listed: BTreeMap<u64, (&str, IdTokenFault)> = BTreeMap::new();
    for (cases, why, fault) in deviations {
        listed.extend(cases.iter().map(|case| (*case, (*why, *fault))));
    }
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let mut counts = Counts::default();
    for group in vectors["testGroups"].as_array().unwrap() {
        let keys = key_set(&group["key"]);
        for case in group["tests"].as_array().unwrap() {
            let number = case["tcId"].as_u64().unwrap();
            let is_valid = case["result"] == "valid";
            let deviation = listed.remove(&number);
            let verdict = verdict(&keys, &token(case));
            counts.run += 1;
            match (is_valid, deviation) {
                (true, None) => {
                    assert_eq!(verdict, Ok(()), "{case}");
                    counts.accepted += 1;
                }
                (true, Some((why, fault))) => {
                    assert_eq!(verdict, Err(fault), "{why}: {case}");
                    counts.deviating += 1;
                }
                (false, None) => assert!(verdict.is_err(), "{case}"),
                (false, Some((why, _))) => panic!("{number} is not valid: it needs no {why:?}"),
            }
        }
    }
    assert!(listed.is_empty(), "listed and not there: {listed:?}");
    assert_eq!(vectors["numberOfTests"], counts.run);
    counts
}

/// A key by itself, or a set of keys, as a provider publishes it.
fn key_set(key: &Value) -> KeySet {
    let set = if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
    KeySet::parse(set.to_string().as_bytes()).unwrap()
}

/// Some are in a JSON serialization: as an object, or as text.
fn token(case: &Value) -> IdToken {
    let token = case.get("jws").or(case.get("jwe")).unwrap();
    IdToken::new(token.as_str().map_or_else(|| token.to_string(), str::to_owned))
}

/// Whether the signature was found good.
fn verdict(keys: &KeySet, token: &IdToken) -> Result<(), IdTokenFault> {
    let expected = Expected {
        provider: &"idp".parse().unwrap(),
        issuer: "https://idp.example",
        issuer_aliases: &[],
        client_id: "client",
        nonce: ExpectedNonce::NotSent,
        access_token: None,
        code: None,
        now: Timestamp::from_unix_seconds(1_800_000_000),
        leeway: Duration::ZERO,
        hosted_domains: &[],
        authenticated_since: None,
        acr_values: &[],
        tenants: None,
    };
    let verified = UnverifiedIdToken::parse(token).and_then(|unverified| {
        verify_id_token(&unverified, keys, &expected, &mut Receipt::unkept())
    });
    match verified {
        Err(IdTokenFault::ClaimsMalformed) => Ok(()),
        Err(fault) => Err(fault),
        Ok(identity) => panic!("nobody is named by these payloads: {identity:?}"),
    }
}
