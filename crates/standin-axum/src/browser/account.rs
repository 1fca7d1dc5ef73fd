//! `GET /account`: the user's own page. Who they are here, what they gave, where they are signed in, and a way to
//! end each of it.
//!
//! It works without a script: every button is a form of its own, and the browser itself says where it comes from
//! (requirement SC-12). For that the page lets its own origin be told, and nothing else.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use data_encoding::BASE64;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use standin::secret::sha256;
use standin::session::Sessions;
use standin::session::cookie::Cookies;
use standin::store::{Account, SessionView};
use standin::time::Timestamp;
use standin::vault::{Grant, GrantState};
use standin::{Error, Standin};
use url::Url;

use super::sessions::{Listed, list};
use crate::Shared;
use crate::page;
use crate::problem::Problem;

static STYLE: LazyLock<String> = LazyLock::new(|| {
    [include_str!("../../templates/page.css"), include_str!("../../templates/account.css")].concat()
});

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    style: &'a str,
    user: String,
    name: &'a str,
    accounts: Vec<Row<'a>>,
    grants: Vec<Given<'a>>,
    sessions: Vec<Place>,
    providers: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "account_nobody.html")]
struct Nobody<'a> {
    style: &'a str,
    providers: Vec<&'a str>,
}

/// An account that they can sign in with.
struct Row<'a> {
    provider: &'a str,
    subject: &'a str,
    label: &'a str,
    is_here: bool,
    is_only: bool,
}

/// What they gave with one of them.
struct Given<'a> {
    provider: &'a str,
    subject: &'a str,
    label: &'a str,
    scopes: Vec<&'a str>,
    missing: Vec<String>,
    is_dead: bool,
    is_offline: bool,
}

/// A browser in which they are signed in.
struct Place {
    id: String,
    device: String,
    provider: String,
    is_here: bool,
    since: String,
    last_used: String,
}

pub(super) async fn get(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let hash = Sessions::presented(Cookies::of(&headers)).session();
    let view = match hash {
        Some(hash) => shared.standin.sessions().view(&hash).await,
        None => Ok(None),
    };
    let page = match view {
        Ok(Some(view)) => own(&shared, &view).await,
        Ok(None) => Ok(nobody(&shared.standin)),
        Err(error) => Err(error),
    };
    let mut response = match page {
        Ok(page) => page,
        Err(error) => return page::refused(&headers, Problem::from(error)),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy(&shared.standin));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

async fn own(shared: &Shared, view: &SessionView) -> Result<Response, Error> {
    let profile = &view.user.profile;
    let sessions = list(shared, &view.session, &view.accounts).await?;
    let page = Page {
        style: &STYLE,
        user: view.user.id.to_string(),
        name: profile.name.as_deref().or(profile.email.as_deref()).unwrap_or_default(),
        accounts: view.accounts.iter().map(|account| row(account, view)).collect(),
        grants: view.grants.iter().filter_map(|grant| given(grant, view)).collect(),
        sessions: sessions.into_iter().map(place).collect(),
        providers: providers(&shared.standin),
    };
    Ok(page::render(StatusCode::OK, &page))
}

fn nobody(standin: &Standin) -> Response {
    let page = Nobody { style: &STYLE, providers: providers(standin) };
    page::render(StatusCode::OK, &page)
}

fn providers(standin: &Standin) -> Vec<&str> {
    standin.providers().map(|provider| provider.id().as_str()).collect()
}

fn row<'a>(account: &'a Account, view: &SessionView) -> Row<'a> {
    Row {
        provider: account.identity.provider.as_str(),
        subject: &account.identity.subject,
        label: label(account),
        is_here: view.session.opened_by == Some(account.identity.hash()),
        is_only: view.accounts.len() == 1,
    }
}

/// An address, where the provider gives one; it names nobody to us, but the person knows it.
fn label(account: &Account) -> &str {
    account.email.as_deref().unwrap_or(&account.identity.subject)
}

/// What was taken back is not shown.
fn given<'a>(grant: &'a Grant, view: &'a SessionView) -> Option<Given<'a>> {
    if grant.state == GrantState::Revoked {
        return None;
    }
    let account = view.accounts.iter().find(|account| account.identity == grant.identity);
    Some(Given {
        provider: grant.identity.provider.as_str(),
        subject: &grant.identity.subject,
        label: account.map_or(&*grant.identity.subject, label),
        scopes: grant.scopes.iter().collect(),
        missing: grant.missing_scopes().iter().map(str::to_owned).collect(),
        is_dead: matches!(grant.state, GrantState::Suspect | GrantState::Reauth),
        is_offline: grant.is_offline(),
    })
}

fn place(session: Listed) -> Place {
    Place {
        id: session.id.to_string(),
        device: session.device.unwrap_or_else(|| "A browser or program".to_owned()),
        provider: session.provider.unwrap_or_default(),
        is_here: session.current,
        since: minute(session.created_at),
        last_used: minute(session.last_used_at),
    }
}

/// `2026-11-22 04:44 UTC`
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", time.get(..5).unwrap_or_default())
}

/// Browsers hold `form-action` against every redirect that follows a form. Linking and signing out lead to a
/// provider, which may send the browser on among hosts of its own: so any https page may follow, and in development
/// the provider on this machine.
fn policy(standin: &Standin) -> HeaderValue {
    let plain = standin.providers().filter_map(|provider| {
        let issuer = Url::parse(&provider.config().issuer).ok()?;
        (issuer.scheme() == "http").then(|| issuer.origin().ascii_serialization())
    });
    let plain: Vec<String> = plain.collect();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' https: {}; \
         frame-ancestors 'none'; base-uri 'none'",
        BASE64.encode(&sha256(STYLE.as_bytes())),
        plain.join(" ")
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}
