//! `GET /.well-known/risc-configuration`: Google's document with its peculiar names, on this origin.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::object::Object;
use crate::reply;
use crate::state::Shared;

/// How the document spells push delivery. `stream:update` wants it with `https`.
const PUSH: &str = "http://schemas.openid.net/secevent/risc/delivery-method/push";

pub(super) async fn document(State(shared): State<Arc<Shared>>) -> Response {
    let at = |path: &str| format!("{}{path}", shared.origin);
    let document = Object::default()
        .with("issuer", shared.origin.as_str())
        .with("jwks_uri", at("/oauth2/v3/certs"))
        .with("delivery_methods_supported", json!([PUSH]))
        .with("add_subject_endpoint", at("/v1beta/subjects:add"))
        .with("get_status_endpoint", at("/v1beta/stream/status"))
        .with("get_configuration_endpoint", at("/v1beta/v1beta/stream"))
        .with("update_configuration_endpoint", at("/v1beta/stream:update"))
        .with("verification_endpoint", at("/v1beta/stream:verify"));
    reply::json(StatusCode::OK, &document)
}
