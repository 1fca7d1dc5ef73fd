//! All routes on one page, grouped by the endpoint name that faults use.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use crate::faults::{self, Endpoint};
use crate::state::Shared;
use crate::{
    api, authorize, avatar, certs, control, cors, device, discovery, gsi, reply, revoke, risc,
    tick, token, tokeninfo, userinfo,
};

const BODY_LIMIT: usize = 1024 * 1024;

pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let faulty = |endpoint, routes: Router<Arc<Shared>>| {
        routes.route_layer(from_fn_with_state((shared.clone(), endpoint), faults::inject))
    };
    Router::new()
        .merge(faulty(Endpoint::Discovery, discovery_routes()))
        .merge(faulty(Endpoint::Jwks, jwks_routes()))
        .merge(faulty(Endpoint::Authorize, authorize_routes()))
        .merge(authorize::page_routes())
        .merge(faulty(Endpoint::Device, device::routes()))
        .merge(device::page_routes())
        .merge(faulty(Endpoint::Token, token_routes()))
        .merge(faulty(Endpoint::Revoke, revoke_routes()))
        .merge(faulty(Endpoint::Tokeninfo, tokeninfo_routes()))
        .merge(faulty(Endpoint::Userinfo, userinfo_routes()))
        .merge(faulty(Endpoint::Api, api_routes()))
        .merge(gsi::routes())
        .route("/a/{file}", get(avatar::picture))
        .merge(risc::routes())
        .route("/_emulator", get(control::page::with_slash))
        .route("/_emulator/", get(control::page::page))
        .nest("/_emulator", control::routes(shared))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(cors::open))
        .layer(from_fn_with_state(shared.clone(), tick::tick))
        .with_state(shared.clone())
}

fn discovery_routes() -> Router<Arc<Shared>> {
    Router::new().route("/.well-known/openid-configuration", get(discovery::document))
}

fn jwks_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/oauth2/v3/certs", get(certs::jwks))
        .route("/oauth2/v1/certs", get(certs::certificates))
        .route("/robot/v1/metadata/x509/{email}", get(certs::of_service_account))
}

fn authorize_routes() -> Router<Arc<Shared>> {
    let endpoint = || get(authorize::endpoint).post(authorize::endpoint);
    Router::new().route("/o/oauth2/v2/auth", endpoint()).route(authorize::OLD_PATH, endpoint())
}

fn token_routes() -> Router<Arc<Shared>> {
    let mut routes = Router::new();
    for path in token::PATHS {
        routes = routes.route(path, post(token::endpoint));
    }
    routes
}

fn revoke_routes() -> Router<Arc<Shared>> {
    let older = || get(revoke::older_endpoint).post(revoke::older_endpoint);
    Router::new().route("/revoke", post(revoke::endpoint)).route("/o/oauth2/revoke", older())
}

fn tokeninfo_routes() -> Router<Arc<Shared>> {
    let v3 = || get(tokeninfo::v3).post(tokeninfo::v3);
    let v1 = || get(tokeninfo::v1).post(tokeninfo::v1);
    Router::new()
        .route("/tokeninfo", v3())
        .route("/oauth2/v3/tokeninfo", v3())
        .route("/oauth2/v2/tokeninfo", v1())
        .route("/oauth2/v1/tokeninfo", v1())
}

fn userinfo_routes() -> Router<Arc<Shared>> {
    let v3 = || get(userinfo::v3).post(userinfo::v3);
    let v2 = || get(userinfo::v2).post(userinfo::v2);
    Router::new()
        .route("/v1/userinfo", v3())
        .route("/oauth2/v3/userinfo", v3())
        .route("/oauth2/v2/userinfo", v2())
        .route("/userinfo/v2/me", v2())
        .route("/oauth2/v1/userinfo", v2())
}

fn api_routes() -> Router<Arc<Shared>> {
    calendar_routes().merge(drive_routes())
}

fn calendar_routes() -> Router<Arc<Shared>> {
    use api::calendar::{calendars, delete, get, insert, list, update};

    let event = || {
        get(get::endpoint).put(update::endpoint).patch(update::endpoint).delete(delete::endpoint)
    };
    Router::new()
        .route("/calendar/v3/users/me/calendarList", get(calendars::list))
        .route("/calendar/v3/calendars/{id}", get(calendars::get))
        .route("/calendar/v3/calendars/{id}/events", get(list::endpoint).post(insert::endpoint))
        .route("/calendar/v3/calendars/{id}/events/{event}", event())
}

fn drive_routes() -> Router<Arc<Shared>> {
    use api::drive::{about, create, delete, get, list, resumable, update, upload};

    let file = || get(get::endpoint).patch(update::endpoint).delete(delete::endpoint);
    let session = || put(resumable::endpoint).delete(resumable::endpoint);
    Router::new()
        .route("/drive/v3/about", get(about::endpoint))
        .route("/drive/v3/files", get(list::endpoint).post(create::endpoint))
        .route("/drive/v3/files/{id}", file())
        .route("/upload/drive/v3/files", session().post(upload::create))
        .route("/upload/drive/v3/files/{id}", session().patch(upload::update))
}
