//! `/gsi/select`: which account the button's click stands for, and whether it may be known.
//!
//! The request is in the address and stays there; each answer is checked anew, so nothing is kept
//! between the pages.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::credential::{self, Credential};
use super::site::Asked;
use crate::authorize::{AuthError, browser, post_form, refusal};
use crate::bearer;
use crate::object::Object;
use crate::reply;
use crate::seed::User;
use crate::state::{Decision, Shared};

#[derive(Template)]
#[template(path = "gsi_choose.html")]
struct ChoosePage<'a> {
    action: String,
    heading: &'a str,
    application: &'a str,
    users: Vec<User>,
}

#[derive(Template)]
#[template(path = "gsi_confirm.html")]
struct ConfirmPage<'a> {
    action: String,
    heading: &'a str,
    application: &'a str,
    user: &'a User,
}

/// One request for a credential, on its way through the pages.
#[derive(Debug)]
struct Round<'a> {
    shared: &'a Shared,
    headers: &'a HeaderMap,
    asked: &'a Asked,
    /// Where the pages' forms go.
    action: String,
}

/// `GET`: the accounts, unless an autopilot or a hint leaves no choice.
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    RawQuery(query): RawQuery,
) -> Response {
    let round = Round::new(&shared, &headers, &asked, query.as_deref());
    let (checked, autopilot) = (round.check(), shared.state().autopilot.clone());
    match (checked, autopilot) {
        (Err(error), _) => round.refuse(&error),
        (Ok(_), Some(autopilot)) if autopilot.decision == Decision::Deny => round.cancel(),
        (Ok(_), Some(autopilot)) => round.chosen(&autopilot.user, true),
        (Ok(application), None) => match round.hinted() {
            Some(account) => round.chosen(&account, false),
            None => round.choose(&application),
        },
    }
}

/// `POST`: an account, a confirmation, or neither.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let round = Round::new(&shared, &headers, &asked, query.as_deref());
    if let Err(error) = round.check() {
        return round.refuse(&error);
    }
    let field = |name| bearer::param(name, None, &body);
    match field("account").filter(|_| field("cancel").is_none()) {
        Some(account) => round.chosen(&account, field("confirm").is_some()),
        None => round.cancel(),
    }
}

impl<'a> Round<'a> {
    fn new(
        shared: &'a Shared,
        headers: &'a HeaderMap,
        asked: &'a Asked,
        query: Option<&str>,
    ) -> Self {
        let action = format!("{}?{}", shared.path("/gsi/select"), query.unwrap_or_default());
        Self { shared, headers, asked, action }
    }

    /// The application's name, if its client, its origin and, where a form goes there, its URI are
    /// registered.
    fn check(&self) -> Result<String, AuthError> {
        let state = self.shared.state();
        let client = self.asked.client(&state);
        let client = client.map_err(|refusal| refusal.error(&state, &self.asked.origin))?;
        let uri = &self.asked.login_uri;
        if self.asked.is_redirect() && !client.redirect_uris.contains(uri) {
            return Err(AuthError::redirect_uri_mismatch(uri));
        }
        Ok(client.name.clone())
    }

    fn refuse(&self, error: &AuthError) -> Response {
        error.redirect(self.shared, &[("client_id".to_owned(), self.asked.client_id.clone())])
    }

    /// The hinted account, if it is signed in here.
    fn hinted(&self) -> Option<String> {
        let state = self.shared.state();
        let sub = &state.users.find(&self.asked.login_hint)?.sub;
        self.accounts(&state).contains(sub).then(|| sub.clone())
    }

    fn accounts<'s>(&self, state: &'s crate::state::State) -> &'s [String] {
        state.browsers.accounts(browser(self.shared, self.headers).as_deref())
    }

    /// All accounts; those that the page hopes for come first.
    fn choose(&self, application: &str) -> Response {
        let mut users: Vec<User> = self.shared.state().users.iter().cloned().collect();
        let (hint, domain) = (&*self.asked.login_hint, &*self.asked.hd);
        users.sort_by_key(|user| {
            (![&*user.email, &*user.sub].contains(&hint), !in_domain(user, domain))
        });
        let page = ChoosePage {
            action: self.action.clone(),
            heading: self.asked.heading(),
            application,
            users,
        };
        reply::page(page.render().unwrap_or_default())
    }

    /// Goes on with an account: known already or confirmed, it is shared; otherwise it is asked.
    fn chosen(&self, account: &str, confirmed: bool) -> Response {
        let (user, known, refused, application) = {
            let state = self.shared.state();
            let user = state.users.find(account).cloned();
            let (Some(user), Ok(client)) = (user, self.asked.client(&state)) else {
                drop(state);
                return self.cancel();
            };
            let known = credential::is_known(&state, client, &user);
            (user.clone(), known, refusal(&state, client, &user), client.name.clone())
        };
        match (refused, known, confirmed) {
            (Some(error), ..) => self.refuse(&error),
            (None, false, false) => self.confirm(&application, &user),
            (None, true, _) => self.share(&user, "btn"),
            (None, false, true) => self.share(&user, "btn_confirm"),
        }
    }

    fn confirm(&self, application: &str, user: &User) -> Response {
        let page = ConfirmPage {
            action: self.action.clone(),
            heading: self.asked.heading(),
            application,
            user,
        };
        reply::page(page.render().unwrap_or_default())
    }

    fn share(&self, user: &User, select_by: &'static str) -> Response {
        let asked = self.asked;
        let credential = Credential::issue(self.shared, self.headers, asked, user, select_by);
        let response = if asked.is_redirect() {
            self.post(&credential)
        } else {
            asked.receiver().tell("credential", credential.response(asked))
        };
        credential.remembered(self.shared, response)
    }

    /// A form of ours that the browser posts to the application's server, across sites.
    fn post(&self, credential: &Credential) -> Response {
        let asked = self.asked;
        let answer = Object::default()
            .with("credential", &*credential.id_token)
            .with("g_csrf_token", &*asked.g_csrf_token)
            .with("select_by", credential.select_by)
            .with_some("state", asked.state());
        post_form(&asked.login_uri, &answer)
    }

    /// Back to where the person came from: a popup closes, a page that was left is shown again.
    fn cancel(&self) -> Response {
        if self.asked.is_redirect() {
            return reply::redirect(&self.asked.origin);
        }
        self.asked.receiver().tell("cancelled", true)
    }
}

/// Whether an account belongs to the Workspace domain a page prefers; `*` is any.
pub(super) fn in_domain(user: &User, domain: &str) -> bool {
    match (domain, user.hd.as_deref()) {
        ("*", of) => of.is_some(),
        (domain, of) => of == Some(domain),
    }
}
