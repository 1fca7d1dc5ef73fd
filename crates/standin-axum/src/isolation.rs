//! What another site embeds is not answered: pictures, frames, scripts and fetches of a foreign page never reach a
//! handler of the browser's side (W3C Fetch Metadata, requirement HH-12).
//!
//! A person who goes somewhere is let through: by a link, by a redirect of the provider, or by a form that the
//! provider's page posts. So is whoever sends no such headers: a provider's server, a browser of before 2023.
//! Each handler has its own checks beside this one, and they do not rely on it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use standin::Refusal;

use crate::problem::Problem;

/// Answers 403 to what a foreign page embeds, and hands on everything else.
pub(crate) async fn isolate(request: Request, next: Next) -> Response {
    if is_embedded(request.headers()) {
        return Problem::from(Refusal::CrossOrigin).into_response();
    }
    next.run(request).await
}

fn is_embedded(headers: &HeaderMap) -> bool {
    let says =
        |name: &str, value: &[u8]| headers.get(name).is_some_and(|found| found.as_bytes() == value);
    let goes_there = says("sec-fetch-mode", b"navigate") && says("sec-fetch-dest", b"document");
    says("sec-fetch-site", b"cross-site") && !goes_there
}
