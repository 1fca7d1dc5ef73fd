//! An authorization request, checked in Google's order.
//!
//! Client, redirect URI, response type, scope, then the rest: the first complaint wins, and every
//! complaint goes to Google's own error page.

mod extras;
mod params;
mod pkce;
mod prompt;
mod redirect;
mod response;

use std::collections::BTreeSet;

pub(super) use self::extras::Wanted;
pub(super) use self::params::echo;
use self::params::{Params, invalid};
pub(super) use self::prompt::{Prompt, Silence};
pub(super) use self::redirect::Redirect;
pub(super) use self::response::{Part, ResponseMode, ResponseType};
use super::error::AuthError;
use crate::scopes;
use crate::seed::{Client, ClientKind, ClientStatus};
use crate::state::State;
use crate::state::grants::Challenge;

/// A request that may be shown to a person.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect: Redirect,
    pub(super) response: ResponseType,
    pub(super) mode: ResponseMode,
    /// The scope as it was asked for.
    pub(super) scope: String,
    /// The same in canonical form.
    pub(super) scopes: BTreeSet<String>,
    /// Asked for, or implied by the kind of client.
    pub(super) offline: bool,
    pub(super) include_granted_scopes: bool,
    /// Whether the consent page may offer boxes; only old clients can say no.
    pub(super) granular: bool,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<String>,
    pub(super) hd: Option<String>,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) wanted: Wanted,
    /// Installed applications are answered with less.
    pub(super) kind: ClientKind,
    /// What the error page repeats, should it come to that.
    pub(super) echo: Vec<(String, String)>,
}

impl AuthorizationRequest {
    pub(super) fn check(state: &State, params: &[(String, String)]) -> Result<Self, AuthError> {
        let params = Params::new(params)?;
        let client = client(state, params)?;
        let redirect = redirect::check(client, &state.profile, params)?;
        let (response, mode) = response::check(params)?;
        let scope = scope(params)?;
        let installed = client.kind.is_installed();
        Ok(Self {
            client_id: client.client_id.clone(),
            redirect,
            scope: scope.to_owned(),
            scopes: scopes::parse(scope),
            challenge: pkce::check(params, &response)?,
            prompt: prompt::check(params)?,
            offline: params.one_of("access_type", &["online", "offline"])? == Some("offline")
                || installed,
            include_granted_scopes: params.flag("include_granted_scopes")? == Some(true)
                && !installed,
            granular: granular(client, params)?,
            wanted: Wanted::check(params)?,
            login_hint: params.owned("login_hint"),
            hd: params.owned("hd"),
            state: params.owned("state"),
            nonce: response::nonce(params, &response)?,
            response,
            mode,
            kind: client.kind,
            echo: params.echo(),
        })
    }
}

fn client<'a>(state: &'a State, params: Params<'_>) -> Result<&'a Client, AuthError> {
    let client_id = params.require("client_id")?;
    let client = state.client(client_id).ok_or_else(AuthError::invalid_client)?;
    match client.status {
        ClientStatus::Active => Ok(client),
        ClientStatus::Disabled => Err(AuthError::disabled_client()),
        ClientStatus::Deleted => Err(AuthError::deleted_client()),
    }
}

fn scope(params: Params<'_>) -> Result<&str, AuthError> {
    let scope = params.require("scope")?;
    let (valid, unknown): (Vec<_>, Vec<_>) =
        scopes::words(scope).partition(|scope| scopes::is_known(scope));
    match (valid.is_empty(), unknown.is_empty()) {
        (false, true) => Ok(scope),
        (true, true) => Err(AuthError::missing("scope")),
        (_, false) => Err(AuthError::invalid_scope(&valid, &unknown)),
    }
}

/// `enable_granular_consent` and its old name count only for clients from before 2019.
fn granular(client: &Client, params: Params<'_>) -> Result<bool, AuthError> {
    let asked = params.flag("enable_granular_consent")?;
    let old_name = params.flag("enable_serial_consent")?;
    let refused = asked.or(old_name) == Some(false);
    Ok(!(refused && client.registered_before_2019))
}
