//! `POST /auth/logout`: ends this session, or all of the user's.

use axum::extract::State;
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
    #[serde(default)]
    everywhere: bool,
    return_to: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        let everywhere = match form.take("everywhere").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Refusal::InvalidRequest),
        };
        Ok(Self { everywhere, return_to: form.take("return_to") })
    }
}

pub(super) async fn post(State(shared): State<Shared>, posted: Posted<Body>) -> Response {
    let sessions = shared.standin.sessions();
    let ended = if posted.body.everywhere {
        sessions.end_all(posted.session.user).await
    } else {
        sessions.end(&posted.session).await
    };
    if let Err(error) = ended {
        return posted.refused(error);
    }
    let return_to = posted.body.return_to.as_deref().unwrap_or("/");
    signed_out(posted.done(&shared, Some(return_to), StatusCode::NO_CONTENT))
}
