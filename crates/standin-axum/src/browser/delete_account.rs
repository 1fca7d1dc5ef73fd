//! `POST /auth/delete-account`: the user goes, with all that is kept of them and all that they gave.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use standin::Refusal;
use standin::signin::Parameters;

use super::posted::{Fields, Posted};
use crate::Shared;
use crate::cookies::signed_out;

/// It cannot be undone: the page must say whom it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    confirm: Option<String>,
    return_to: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        Ok(Self { confirm: form.take("confirm"), return_to: form.take("return_to") })
    }
}

pub(super) async fn post(State(shared): State<Shared>, posted: Posted<Body>) -> Response {
    let user = posted.session.user;
    if posted.body.confirm != Some(user.to_string()) {
        return posted.refused(Refusal::ConfirmationMissing);
    }
    if let Err(error) = shared.standin.revocations().delete_user(user, None).await {
        return posted.refused(error);
    }
    let return_to = posted.body.return_to.as_deref().unwrap_or("/");
    signed_out(posted.done(&shared, Some(return_to), StatusCode::NO_CONTENT))
}
