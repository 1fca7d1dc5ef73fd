//! `GET /oauth2/v3/certs`: the published keys as a JWK set.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::keys::Signer;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;

pub(crate) async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    let published = shared.state().keys.published();
    let keys: Vec<Value> = published.iter().map(Signer::jwk).collect();
    let caching = "public, max-age=21600, must-revalidate, no-transform";
    let set = Object::default().with("keys", keys);
    ([(header::CACHE_CONTROL, caching)], reply::json(StatusCode::OK, &set)).into_response()
}
