//! `GET /.well-known/openid-configuration`: Google's document, its URLs on this origin.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::control::end_session;
use crate::faults::Twist;
use crate::object::Object;
use crate::seed::Profile;
use crate::state::Shared;

/// An issuer that nobody has, for faults that name a wrong one.
pub(crate) const WRONG_ISSUER: &str = "https://issuer.invalid";

const RESPONSE_TYPES: [&str; 8] = [
    "code",
    "token",
    "id_token",
    "code token",
    "code id_token",
    "token id_token",
    "code token id_token",
    "none",
];
const CLAIMS: [&str; 11] = [
    "aud",
    "email",
    "email_verified",
    "exp",
    "family_name",
    "given_name",
    "iat",
    "iss",
    "name",
    "picture",
    "sub",
];
const GRANT_TYPES: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];

pub(crate) async fn document(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
) -> Response {
    let issuer = match twist {
        Some(Extension(Twist::WrongIss)) => WRONG_ISSUER,
        _ => &shared.origin,
    };
    let profile = shared.state().profile.clone();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, metadata(&shared, issuer, &profile).to_pretty()).into_response()
}

/// The members in the order in which Google publishes them; the two of 2026 at the end.
fn metadata(shared: &Shared, issuer: &str, profile: &Profile) -> Object {
    let at = |path: &str| format!("{}{path}", shared.origin);
    let for_browsers = |path: &str| format!("{}{path}", shared.browser_origin);
    let auth_methods = json!(["client_secret_post", "client_secret_basic"]);
    let response_modes = json!(["query", "fragment", "form_post"]);
    let iss_parameter = profile.iss_parameter;
    Object::default()
        .with("issuer", issuer)
        .with("authorization_endpoint", for_browsers("/o/oauth2/v2/auth"))
        .with("device_authorization_endpoint", at("/device/code"))
        .with("token_endpoint", at("/token"))
        .with("userinfo_endpoint", at("/v1/userinfo"))
        .with("revocation_endpoint", at("/revoke"))
        .with("jwks_uri", at("/oauth2/v3/certs"))
        .with("response_types_supported", json!(RESPONSE_TYPES))
        .with("subject_types_supported", json!(["public"]))
        .with("id_token_signing_alg_values_supported", json!(["RS256"]))
        .with("scopes_supported", json!(["openid", "email", "profile"]))
        .with("token_endpoint_auth_methods_supported", auth_methods)
        .with("claims_supported", json!(CLAIMS))
        .with("code_challenge_methods_supported", json!(["plain", "S256"]))
        .with("grant_types_supported", json!(GRANT_TYPES))
        .with_some("response_modes_supported", profile.discovery_2026.then_some(response_modes))
        .with_some(
            "authorization_response_iss_parameter_supported",
            profile.discovery_2026.then_some(iss_parameter),
        )
        .with_some(
            "end_session_endpoint",
            profile.end_session.then(|| for_browsers(end_session::PATH)),
        )
}
