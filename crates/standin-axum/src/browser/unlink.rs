//! `POST /auth/{provider}/unlink`: takes one of the user's accounts away, with what it gave and the sessions that
//! it opened.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::disconnect::{Body, Told};
use super::posted::Posted;
use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::signed_out;

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    posted: Posted<Body>,
) -> Response {
    let Body { subject, return_to, strict } = &posted.body;
    let (user, revocations) = (posted.session.user, shared.standin.revocations());
    let told = match revocations.unlink(user, &provider, subject.as_deref()).await {
        Ok(revoked) => Json(Told::of(revoked).strictly(*strict, &shared).await),
        Err(error) => return posted.refused(error),
    };
    let response = posted.done(&shared, return_to.as_deref(), told);
    // It may have been the account that this very session was opened with.
    match shared.standin.sessions().find(&posted.session.hash).await {
        Ok(None) => signed_out(response),
        Ok(Some(_)) | Err(_) => response,
    }
}
