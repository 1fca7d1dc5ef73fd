//! The pages of `/device`: type the code, choose an account, allow or not. Plain forms, no script.
//!
//! Ids and names are stable: `#user-code`, `#next`, `#account-<email>`, `input[name=scope]`,
//! `#continue`, `#cancel`, and in the end `#outcome`.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;

use super::decision::{Decided, decide, has_boxes};
use crate::authorize::consent::Answer;
use crate::reply;
use crate::scopes;
use crate::seed::User;
use crate::state::device::Outcome;
use crate::state::{Shared, State as Known};

pub(super) const ENTER: &str = "/device";
pub(super) const ACCOUNT: &str = "/device/account";
pub(super) const CONSENT: &str = "/device/consent";

#[derive(Template)]
#[template(path = "device_enter.html")]
struct EnterPage {
    action: String,
    /// Whether the code that was typed is not one that waits.
    wrong: bool,
}

#[derive(Template)]
#[template(path = "device_account.html")]
struct AccountPage<'a> {
    action: String,
    code: &'a str,
    application: &'a str,
    users: Vec<&'a User>,
}

#[derive(Template)]
#[template(path = "device_consent.html")]
struct ConsentPage<'a> {
    action: String,
    code: &'a str,
    application: &'a str,
    user: &'a User,
    boxes: bool,
    lines: Vec<(&'a str, &'static str)>,
}

#[derive(Template)]
#[template(path = "device_done.html")]
struct DonePage {
    granted: bool,
}

/// `GET /device`.
pub(super) async fn enter(State(shared): State<Arc<Shared>>) -> Response {
    enter_page(&shared, false)
}

/// `POST /device`: the code was typed.
pub(super) async fn entered(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let mut state = shared.state();
    let Some(waiting) = Waiting::of(&shared, &mut state, &form.code) else {
        return enter_page(&shared, true);
    };
    let page = AccountPage {
        action: shared.path(ACCOUNT),
        code: &form.code,
        application: &waiting.application,
        users: state.users.iter().collect(),
    };
    html(page.render())
}

/// `POST /device/account`: an account was chosen.
pub(super) async fn chosen(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let mut state = shared.state();
    let waiting = Waiting::of(&shared, &mut state, &form.code);
    let (Some(waiting), Some(user)) = (waiting, state.users.find(&form.account)) else {
        return enter_page(&shared, true);
    };
    let page = ConsentPage {
        action: shared.path(CONSENT),
        code: &form.code,
        application: &waiting.application,
        user,
        boxes: has_boxes(&state, &waiting.scopes),
        lines: waiting.lines(),
    };
    html(page.render())
}

/// `POST /device/consent`: the person has said it.
pub(super) async fn answered(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let mut state = shared.state();
    let waiting = Waiting::of(&shared, &mut state, &form.code);
    let sub = state.users.find(&form.account).map(|user| user.sub.clone());
    let (Some(waiting), Some(sub)) = (waiting, sub) else {
        return enter_page(&shared, true);
    };
    let Waiting { client_id, scopes, .. } = &waiting;
    let decided = Decided { client_id, scopes, sub: &sub, answer: form.answer };
    let outcome = decide(&shared, &mut state, decided);
    let granted = outcome != Outcome::Denied;
    if let Some(code) = state.device_codes.pending(&form.code, shared.clock.now_unix_ms()) {
        code.outcome = outcome;
    }
    html(DonePage { granted }.render())
}

/// What is asked of the person who typed a code.
struct Waiting {
    client_id: String,
    application: String,
    scopes: BTreeSet<String>,
}

impl Waiting {
    /// `None` if no code like this one waits for an answer.
    fn of(shared: &Shared, state: &mut Known, user_code: &str) -> Option<Self> {
        let code = state.device_codes.pending(user_code, shared.clock.now_unix_ms())?.clone();
        let application = state.client(&code.client_id)?.name.clone();
        Some(Self { client_id: code.client_id, application, scopes: code.scopes })
    }

    /// The scopes beyond sign-in and what each means.
    fn lines(&self) -> Vec<(&str, &'static str)> {
        let described = |scope| Some((scope, scopes::describe(scope)?));
        self.scopes.iter().map(String::as_str).filter_map(described).collect()
    }
}

struct Form {
    code: String,
    account: String,
    answer: Answer,
}

impl Form {
    fn parse(body: &[u8]) -> Self {
        let (mut code, mut account) = (String::new(), String::new());
        let (mut ticked, mut agreed) = (BTreeSet::new(), false);
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "code" => value.trim().clone_into(&mut code),
                "account" => account = value.into_owned(),
                "scope" => drop(ticked.insert(value.into_owned())),
                "continue" => agreed = true,
                _ => {}
            }
        }
        let answer = if agreed { Answer::Ticked(ticked) } else { Answer::Cancel };
        Self { code, account, answer }
    }
}

fn enter_page(shared: &Shared, wrong: bool) -> Response {
    html(EnterPage { action: shared.path(ENTER), wrong }.render())
}

/// Rendering into memory cannot fail.
fn html(rendered: askama::Result<String>) -> Response {
    reply::page(rendered.unwrap_or_default())
}
