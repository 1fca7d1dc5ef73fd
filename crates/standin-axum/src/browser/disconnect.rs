//! `POST /auth/{provider}/disconnect`: takes back what the user gave at a provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use standin::signin::Parameters;
use standin::{Refusal, Revoked};

use super::posted::{Fields, Posted};
use super::provider::NamedProvider;
use crate::Shared;

/// Which account is meant, where the user has several at the provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) subject: Option<String>,
    pub(super) return_to: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        Ok(Self { subject: form.take("subject"), return_to: form.take("return_to") })
    }
}

/// How far the revocation has come.
#[derive(Serialize)]
pub(super) struct Told {
    revoked: &'static str,
}

impl Told {
    pub(super) const fn of(revoked: Revoked) -> Self {
        let revoked = match revoked {
            Revoked::Confirmed => "confirmed",
            Revoked::NotOffered => "not_offered",
            Revoked::Queued => "queued",
            Revoked::Untold => "untold",
        };
        Self { revoked }
    }
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    posted: Posted<Body>,
) -> Response {
    let Body { subject, return_to } = &posted.body;
    let (user, revocations) = (posted.session.user, shared.standin.revocations());
    match revocations.disconnect(user, &provider, subject.as_deref()).await {
        Ok(Some(revoked)) => posted.done(&shared, return_to.as_deref(), Json(Told::of(revoked))),
        Ok(None) => posted.refused(Refusal::NoGrant),
        Err(error) => posted.refused(error),
    }
}
