//! Who may manage a stream: a service account of the project, by access token or by its own signature.

use axum::http::HeaderMap;

use super::error::Refusal;
use crate::bearer;
use crate::jws::Jws;
use crate::scopes;
use crate::seed::ServiceAccount;
use crate::state::{Shared, State};

/// What a token that a service account signs for itself is for. The name is Google's everywhere.
const AUDIENCE: &str =
    "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService";
/// How long such a token may live, in seconds.
const LONGEST: i64 = 3600;

/// What a call needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Permission {
    Configure,
    ReadConfiguration,
    ReadStatus,
    SetStatus,
    Verify,
}

impl Permission {
    /// The scopes of which one is enough.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Configure => &["risc.configuration.readwrite"],
            Self::ReadConfiguration => {
                &["risc.configuration.readonly", "risc.configuration.readwrite"]
            }
            Self::ReadStatus => &["risc.status.readonly", "risc.status.readwrite"],
            Self::SetStatus => &["risc.status.readwrite"],
            Self::Verify => &["risc.verify"],
        }
    }
}

/// The project whose stream the caller may touch.
pub(super) fn project(
    shared: &Shared,
    headers: &HeaderMap,
    permission: Permission,
) -> Result<String, Refusal> {
    let token = bearer::token(headers).ok_or_else(Refusal::unauthorized)?;
    let state = shared.state();
    let now = shared.clock.now_unix();
    if let Some(account) = self_signed(&state, token, now) {
        return Ok(account.project.clone());
    }
    let access = state.grants.live_access(token, now).ok_or_else(Refusal::unauthorized)?;
    let account = state.service_account_by_sub(&access.owner.sub);
    let account = account.ok_or_else(|| {
        Refusal::denied("Stream management APIs should only be called by a service account.")
    })?;
    if permission.scopes().iter().any(|name| access.scopes.contains(&scopes::url(name))) {
        return Ok(account.project.clone());
    }
    Err(Refusal::denied("Service account needs permission to access your RISC configuration"))
}

/// A token of an account's own making carries no scopes and may do everything.
fn self_signed<'a>(state: &'a State, token: &str, now: i64) -> Option<&'a ServiceAccount> {
    let jws = Jws::parse(token).filter(Jws::is_rs256)?;
    let issuer = jws.claims.text("iss")?;
    let time = |name| jws.claims.get(name).and_then(serde_json::Value::as_i64);
    let (issued_at, expires_at) = (time("iat")?, time("exp")?);
    let is_good = jws.claims.text("sub") == Some(issuer)
        && jws.claims.text("aud") == Some(AUDIENCE)
        && issued_at <= now
        && now < expires_at
        && expires_at - issued_at <= LONGEST;
    let account = state.service_account(issuer)?;
    (is_good && account.signed(jws.message, &jws.signature)).then_some(account)
}
