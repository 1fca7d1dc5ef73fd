//! The credential of `google.accounts.id`: an ID token about somebody who agreed to be known.

use axum::http::HeaderMap;
use axum::response::Response;

use super::site::Asked;
use crate::authorize::{browser, remember};
use crate::id_token::{Channel, Extras, Statement};
use crate::object::Object;
use crate::scopes;
use crate::seed::{Client, User};
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

/// What a credential shares.
const SHARED: &str = "openid email profile";

/// A credential on its way to a page.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) id_token: String,
    /// How the person said so, in the words of Google's `select_by`.
    pub(super) select_by: &'static str,
    cookie: String,
}

/// Whether somebody has agreed before to be known to this client's project.
pub(super) fn is_known(state: &State, client: &Client, user: &User) -> bool {
    let allowed = state.grants.allowed(&Owner::new(client, &user.sub));
    scopes::parse(SHARED).is_subset(&allowed)
}

impl Credential {
    /// Signs `user` in at this browser and at the client, and writes both down.
    pub(super) fn issue(
        shared: &Shared,
        headers: &HeaderMap,
        asked: &Asked,
        user: &User,
        select_by: &'static str,
    ) -> Self {
        let now = shared.clock.now_unix();
        let mut state = shared.state();
        let cookie = browser(shared, headers);
        let cookie = state.browsers.sign_in(cookie.as_deref(), &user.sub, now);
        let owner = state.client(&asked.client_id).map(|client| Owner::new(client, &user.sub));
        if let Some(owner) = owner {
            state.grants.allow(&owner, &scopes::parse(SHARED));
        }
        let (signer, iss_forms) = (state.keys.signer(), state.profile.id_token_iss_form);
        let event = Event::new(Kind::CredentialIssued).user(&*user.email);
        let event = event.client(&*asked.client_id).with("select_by", select_by);
        state.ledger.record(shared.clock.now_unix_ms(), event.with("origin", &*asked.origin));
        drop(state);
        let statement = Statement {
            origin: &shared.origin,
            client_id: &asked.client_id,
            user,
            scopes: &scopes::parse(SHARED),
            access_token: None,
            code: None,
            nonce: asked.nonce(),
            extras: &Extras::default(),
            now,
            channel: Channel::Button,
            iss_forms,
        };
        Self { id_token: statement.sign(&signer, None), select_by, cookie }
    }

    /// What the page's callback gets.
    pub(super) fn response(&self, asked: &Asked) -> Object {
        Object::default()
            .with("credential", &*self.id_token)
            .with("select_by", self.select_by)
            .with_some("state", asked.state())
    }

    /// The same answer, with which the browser is known again.
    pub(super) fn remembered(&self, shared: &Shared, mut response: Response) -> Response {
        remember(shared, &mut response, &self.cookie);
        response
    }
}
