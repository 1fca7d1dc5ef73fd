//! The published keys: `/oauth2/v3/certs` as a JWK set, `/oauth2/v1/certs` as certificates.
//!
//! At Google a cache stands in front of them, so the time a client may keep them shrinks from fetch
//! to fetch; and the order of keys and members changes, so that nobody compares text.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::chance;
use crate::keys::Signer;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;

/// How long a client may keep keys that were fetched from their origin just now, in seconds.
const MAX_AGE: i64 = 21_600;

/// `GET /oauth2/v3/certs`.
pub(crate) async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    let (mut published, caching) = fetch(&shared);
    chance::shuffle(&mut published);
    let set = JwkSet { keys: published.iter().map(shuffled_jwk).collect() };
    (caching, reply::json(StatusCode::OK, &set)).into_response()
}

#[derive(Serialize)]
struct JwkSet {
    keys: Vec<Object>,
}

fn shuffled_jwk(key: &Signer) -> Object {
    let mut members = key.jwk();
    chance::shuffle(&mut members);
    members.into_iter().fold(Object::default(), |jwk, (name, value)| jwk.with(name, value))
}

/// `GET /oauth2/v1/certs`: a map from kid to certificate, in PEM.
pub(crate) async fn certificates(State(shared): State<Arc<Shared>>) -> Response {
    let (mut published, caching) = fetch(&shared);
    chance::shuffle(&mut published);
    let now = shared.clock.now_unix();
    let map = published
        .iter()
        .fold(Object::default(), |map, key| map.with_some(&key.kid, key.certificate(now)));
    (caching, reply::json(StatusCode::OK, &map)).into_response()
}

/// `GET /robot/v1/metadata/x509/{email}`: the certificate of a service account's key.
pub(crate) async fn of_service_account(
    State(shared): State<Arc<Shared>>,
    Path(email): Path<String>,
) -> Response {
    let now = shared.clock.now_unix();
    let Some(account) = shared.state().service_account(&email).cloned() else {
        return reply::not_found().await;
    };
    let map = match account.certificate(now) {
        Some((kid, certificate)) => Object::default().with(kid, certificate),
        None => Object::default(),
    };
    (caching(now, 0), reply::json(StatusCode::OK, &map)).into_response()
}

fn fetch(shared: &Shared) -> (Vec<Signer>, [(HeaderName, String); 3]) {
    let now = shared.clock.now_unix();
    let mut state = shared.state();
    let mut published = state.keys.published();
    if state.profile.lone_key {
        let signer = state.keys.signer();
        published.retain(|key| key.kid == signer.kid);
    }
    (published, caching(now, state.keys.cache_age(now)))
}

/// The headers of keys that a cache has had for `age` seconds.
fn caching(now: i64, age: i64) -> [(HeaderName, String); 3] {
    let max_age = MAX_AGE - age;
    [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={max_age}, must-revalidate, no-transform"),
        ),
        (header::EXPIRES, reply::http_date(now + max_age)),
        (header::AGE, age.to_string()),
    ]
}
