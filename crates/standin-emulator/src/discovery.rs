//! `GET /.well-known/openid-configuration`: Google's document, its URLs on this origin.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::faults::Twist;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;

/// An issuer that nobody has, for faults that name a wrong one.
pub(crate) const WRONG_ISSUER: &str = "https://issuer.invalid";

pub(crate) async fn document(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
) -> Response {
    let issuer = match twist {
        Some(Extension(Twist::WrongIss)) => WRONG_ISSUER,
        _ => &shared.origin,
    };
    let iss_parameter = shared.state().profile.iss_parameter;
    let document = metadata(&shared, issuer, iss_parameter);
    ([(header::CACHE_CONTROL, "public, max-age=3600")], reply::json(StatusCode::OK, &document))
        .into_response()
}

/// The members in the order in which Google publishes them.
fn metadata(shared: &Shared, issuer: &str, iss_parameter: bool) -> Object {
    let at = |path: &str| format!("{}{path}", shared.origin);
    let for_browsers = |path: &str| format!("{}{path}", shared.browser_origin);
    Object::default()
        .with("issuer", issuer)
        .with("authorization_endpoint", for_browsers("/o/oauth2/v2/auth"))
        .with("token_endpoint", at("/token"))
        .with("userinfo_endpoint", at("/v1/userinfo"))
        .with("revocation_endpoint", at("/revoke"))
        .with("jwks_uri", at("/oauth2/v3/certs"))
        .with("response_types_supported", json!(["code"]))
        .with("response_modes_supported", json!(["query", "form_post"]))
        .with("subject_types_supported", json!(["public"]))
        .with("id_token_signing_alg_values_supported", json!(["RS256"]))
        .with("scopes_supported", json!(["openid", "email", "profile"]))
        .with(
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_post", "client_secret_basic"]),
        )
        .with(
            "claims_supported",
            json!([
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
                "sub"
            ]),
        )
        .with("code_challenge_methods_supported", json!(["plain", "S256"]))
        .with("grant_types_supported", json!(["authorization_code", "refresh_token"]))
        .with("authorization_response_iss_parameter_supported", iss_parameter)
}
