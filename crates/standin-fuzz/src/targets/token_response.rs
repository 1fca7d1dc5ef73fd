//! The answer of a token endpoint: used only if it has the exact shape (requirement CB-11). Its status is in the
//! first byte, its body in the rest.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use standin::http::Response;
use standin::provider::TokenResponse;

use crate::reference;

const STATUSES: [u16; 8] = [200, 201, 302, 400, 401, 403, 429, 500];
const DAY: Duration = Duration::from_hours(24);

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some((choice, body)) = bytes.split_first() else {
        return false;
    };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    let response = Response {
        status: StatusCode::from_u16(status).expect("a status"),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
    };
    let read = TokenResponse::of(&response);
    if let Ok(read) = &read {
        assert_eq!(status, 200);
        if let Some(written) = reference::json(body) {
            check(read, &written);
        }
    }
    read.is_ok()
}

fn check(read: &TokenResponse, written: &Value) {
    assert!(written.is_object());
    assert_eq!(written["access_token"], read.access_token.expose());
    assert!(!read.access_token.expose().is_empty());
    let kind = written["token_type"].as_str().expect("a type");
    assert!(kind.eq_ignore_ascii_case("bearer"));
    assert!(read.expires_in.is_some_and(|life| life <= DAY));
    if let Some(refresh) = &read.refresh_token {
        assert!(!refresh.expose().is_empty());
        assert_eq!(written["refresh_token"], refresh.expose());
    }
    // No secret is printed. A short one might stand in there by chance.
    let printed = format!("{read:?}");
    let secrets = ["access_token", "refresh_token", "id_token"].map(|name| written[name].as_str());
    let scope = written["scope"].as_str().unwrap_or_default();
    for secret in secrets.into_iter().flatten().filter(|secret| secret.len() > 20) {
        assert!(!printed.contains(secret) || scope.contains(secret), "a secret is printed");
    }
}
