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
    /// Whether the answer waits until every process has heard of it.
    #[serde(default)]
    pub(super) strict: bool,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        let (subject, return_to) = (form.take("subject"), form.take("return_to"));
        let strict = match form.take("strict").as_deref() {
            None => false,
            Some("1") => true,
            Some(_) => return Err(Refusal::InvalidRequest),
        };
        Ok(Self { subject, return_to, strict })
    }
}

/// How far the revocation has come.
#[derive(Serialize)]
pub(super) struct Told {
    revoked: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    everywhere: Option<bool>,
}

impl Told {
    pub(super) const fn of(revoked: Revoked) -> Self {
        Self { revoked: revoked.word(), everywhere: None }
    }

    /// The same, once every process has heard of it, if that was asked for.
    pub(super) async fn strictly(self, is_strict: bool, shared: &Shared) -> Self {
        if !is_strict {
            return self;
        }
        Self { everywhere: Some(shared.standin.is_heard_everywhere().await), ..self }
    }
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    posted: Posted<Body>,
) -> Response {
    let Body { subject, return_to, strict } = &posted.body;
    let (user, revocations) = (posted.session.user, shared.standin.revocations());
    match revocations.disconnect(user, &provider, subject.as_deref()).await {
        Ok(Some(revoked)) => {
            let told = Told::of(revoked).strictly(*strict, &shared).await;
            posted.done(&shared, return_to.as_deref(), Json(told))
        }
        Ok(None) => posted.refused(Refusal::NoGrant),
        Err(error) => posted.refused(error),
    }
}
