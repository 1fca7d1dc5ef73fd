//! All routes on one page, grouped by the endpoint name that faults use.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::faults::{self, Endpoint};
use crate::state::Shared;
use crate::{authorize, certs, discovery, guard, reply, token};

const BODY_LIMIT: usize = 1024 * 1024;

pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let faulty = |endpoint, routes: Router<Arc<Shared>>| {
        routes.route_layer(from_fn_with_state(
            (shared.clone(), endpoint),
            faults::inject,
        ))
    };
    Router::new()
        .merge(faulty(Endpoint::Discovery, discovery_routes()))
        .merge(faulty(
            Endpoint::Jwks,
            Router::new().route("/oauth2/v3/certs", get(certs::jwks)),
        ))
        .merge(faulty(Endpoint::Authorize, authorize_routes()))
        .merge(authorize::page_routes())
        .merge(faulty(Endpoint::Token, token_routes()))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(shared.clone(), guard::own_host))
        .with_state(shared.clone())
}

fn discovery_routes() -> Router<Arc<Shared>> {
    Router::new().route(
        "/.well-known/openid-configuration",
        get(discovery::document),
    )
}

fn authorize_routes() -> Router<Arc<Shared>> {
    let endpoint = || get(authorize::endpoint).post(authorize::endpoint);
    Router::new()
        .route("/o/oauth2/v2/auth", endpoint())
        .route("/o/oauth2/auth", endpoint())
}

fn token_routes() -> Router<Arc<Shared>> {
    let mut routes = Router::new();
    for path in [
        "/token",
        "/o/oauth2/token",
        "/oauth2/v3/token",
        "/oauth2/v4/token",
    ] {
        routes = routes.route(path, post(token::endpoint));
    }
    routes
}
