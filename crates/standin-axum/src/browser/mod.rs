//! The browser's side: `/auth/…`, and `/account`.

mod access_token;
mod account;
mod attempt;
mod backchannel_logout;
mod begin;
mod callback;
mod code;
mod credential;
mod delete_account;
mod disconnect;
mod end_session;
mod grant;
mod link;
mod logged_out;
mod login;
mod logout;
mod posted;
mod provider;
mod risc;
mod session;
mod sessions;
mod unlink;

use axum::Router;
use axum::routing::{get, post};

use crate::Shared;

/// Every route of the browser's side, on one page.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/account", get(account::get))
        .route("/auth/session", get(session::get))
        .route("/auth/logout", post(logout::post))
        .route("/auth/delete-account", post(delete_account::post))
        .route("/auth/sessions", get(sessions::get))
        .route("/auth/sessions/{session}/end", post(end_session::post))
        .route("/auth/attempts/{attempt}", get(attempt::get))
        .route("/auth/{provider}/login", get(login::get))
        .route("/auth/{provider}/callback", get(callback::get).post(callback::post))
        .route("/auth/{provider}/begin", post(begin::post))
        .route("/auth/{provider}/backchannel-logout", post(backchannel_logout::post))
        .route("/auth/{provider}/code", post(code::post))
        .route("/auth/{provider}/grant", post(grant::post))
        .route("/auth/{provider}/link", post(link::post))
        .route("/auth/{provider}/unlink", post(unlink::post))
        .route("/auth/{provider}/credential", post(credential::post))
        .route("/auth/{provider}/disconnect", post(disconnect::post))
        .route("/auth/{provider}/logged-out", get(logged_out::get))
        .route("/auth/{provider}/risc", post(risc::post))
        .route("/auth/{provider}/access-token", post(access_token::post))
}
