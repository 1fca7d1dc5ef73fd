//! `POST /auth/sessions/{id}/end`: ends one of the user's sessions, wherever it is.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use standin::Refusal;
use standin::signin::Parameters;

use super::posted::{Fields, Posted};
use crate::Shared;
use crate::cookies::signed_out;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    return_to: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        Ok(Self { return_to: form.take("return_to") })
    }
}

pub(super) async fn post(
    State(shared): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    posted: Posted<Body>,
) -> Response {
    let id = path.ok().and_then(|Path(id)| id.parse().ok());
    // What is no id is nobody's session.
    let Some(id) = id else { return posted.refused(Refusal::NoSession) };
    if let Err(error) = shared.standin.sessions().end_listed(posted.session.user, id).await {
        return posted.refused(error);
    }
    let response = posted.done(&shared, posted.body.return_to.as_deref(), StatusCode::NO_CONTENT);
    if id == posted.session.id { signed_out(response) } else { response }
}
