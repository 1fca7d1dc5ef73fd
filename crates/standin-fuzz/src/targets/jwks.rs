//! A provider's keys: none that is published with its secret, none of another kind, none that is not
//! there (requirement ID-18).

use serde_json::Value;
use standin::verify::{KeySet, MAX_KEYS};

use crate::reference;

/// RFC 7518 §6: what makes a key a secret.
const PRIVATE: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

pub(crate) fn run(json: &[u8]) -> bool {
    let Ok(keys) = KeySet::parse(json) else {
        return false;
    };
    let Some(written) = reference::json(json) else {
        return !keys.is_empty();
    };
    let written = written["keys"].as_array().expect("a list of keys, in an object");
    assert!(written.len() <= MAX_KEYS);
    let eligible: Vec<_> = written.iter().filter(|key| is_eligible(key)).collect();
    assert!(keys.len() <= eligible.len(), "{} of {written:?}", keys.len());
    for kid in written.iter().filter_map(|key| key["kid"].as_str()) {
        let is_named = eligible.iter().any(|key| key["kid"] == kid);
        assert!(is_named || !keys.has_kid(kid), "{kid}");
    }
    !keys.is_empty()
}

fn is_eligible(key: &Value) -> bool {
    let is_secret = PRIVATE.iter().any(|part| key.get(part).is_some_and(|value| !value.is_null()));
    let is_for_signing = key.get("use").is_none_or(|purpose| purpose.is_null() || purpose == "sig");
    let has = |name: &str| key[name].is_string();
    let is_whole = match key["kty"].as_str() {
        Some("EC") => key["crv"] == "P-256" && has("x") && has("y"),
        Some("RSA") => has("n") && has("e"),
        _ => false,
    };
    is_whole && is_for_signing && !is_secret
}
