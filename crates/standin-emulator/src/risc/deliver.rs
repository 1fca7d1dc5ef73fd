//! Delivery: one POST per event, a few tries, and a line in the ledger.
//!
//! Google retries a little and keeps nothing while a stream is disabled; so does this. Receivers under
//! test listen on plain http; TLS is not spoken here.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use url::Url;

use super::event::{self, Happening, Spoiled, Token, TokenIdentifier};
use super::stream::Stream;
use crate::scopes;
use crate::seed::User;
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of one event for one project.
#[derive(Debug, Serialize)]
pub(crate) struct Delivery {
    project: String,
    jti: String,
    /// What the receiver answered last; 202 is what it should be. Absent when nobody answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Tells every project that this user has let see their e-mail or profile, and waits for the answers.
pub(crate) async fn send(
    shared: &Arc<Shared>,
    user: &User,
    happening: &Happening,
    spoiled: &Spoiled,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for project in interested(shared, user, happening) {
        let token = event::token(shared, &project, user, happening, spoiled);
        deliveries.push(deliver(shared, project, token).await);
    }
    deliveries
}

/// Tells projects, after the caller was answered, that a user has taken back their refresh tokens
/// (project and token). Which projects [know](knows) the user, the caller has found out before: now
/// none does.
pub(crate) fn revoked(shared: &Arc<Shared>, user: &User, tokens: Vec<(String, String)>) {
    for (project, token) in tokens {
        let token_identifier_alg = TokenIdentifier::default();
        let happening = Happening::TokenRevoked { token, token_identifier_alg };
        let wanted = |stream: &Stream| stream.wants(&happening);
        if shared.state().streams.get(&project).is_some_and(wanted) {
            let token = event::token(shared, &project, user, &happening, &Spoiled::default());
            in_background(shared, project, token);
        }
    }
}

pub(super) fn in_background(shared: &Arc<Shared>, project: String, token: Token) {
    let known = shared.clone();
    shared.background.spawn(async move {
        deliver(&known, project, token).await;
    });
}

/// Projects whose stream wants this, of those that know the user by e-mail or profile.
fn interested(shared: &Shared, user: &User, happening: &Happening) -> Vec<String> {
    let state = shared.state();
    let streams = state.streams.iter().filter(|(_, stream)| stream.wants(happening));
    let projects = streams.map(|(project, _)| project.clone());
    projects.filter(|project| knows(&state, project, &user.sub)).collect()
}

/// Whether a user lets a project see their e-mail or profile: no other project hears of them.
pub(crate) fn knows(state: &State, project: &str, sub: &str) -> bool {
    let owner = Owner { project: project.to_owned(), sub: sub.to_owned() };
    let allowed = state.grants.allowed(&owner);
    allowed.contains(scopes::EMAIL) || allowed.contains(scopes::PROFILE)
}

async fn deliver(shared: &Shared, project: String, token: Token) -> Delivery {
    let url = shared.state().streams.get(&project).map(|stream| stream.url.clone());
    let mut delivery = Delivery { project, jti: token.jti, status: None, tries: 0, problem: None };
    while delivery.tries < TRIES {
        delivery.tries += 1;
        match post(url.as_deref().unwrap_or_default(), token.text.clone()).await {
            Ok(status) => delivery.answered(status),
            Err(problem) => delivery.problem = Some(problem),
        }
        if delivery.is_final() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let mut event = Event::new(Kind::RiscDelivered)
        .with("project", delivery.project.as_str())
        .with("event", token.event_type)
        .with("jti", delivery.jti.as_str())
        .with("tries", delivery.tries);
    if let Some(status) = delivery.status {
        event = event.with("status", status);
    }
    shared.record(event);
    delivery
}

impl Delivery {
    fn answered(&mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
        self.problem = None;
    }

    /// A receiver that has understood the event, or never will, is not asked again.
    fn is_final(&self) -> bool {
        self.status.is_some_and(|status| status < 500)
    }
}

async fn post(url: &str, token: String) -> Result<StatusCode, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, exchange(&url, token)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn exchange(url: &Url, token: String) -> Result<StatusCode, String> {
    let (host, port) = match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http", Some(host), Some(port)) => (host.trim_matches(['[', ']']), port),
        _ => return Err("this emulator delivers to http only".to_owned()),
    };
    let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let request = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
        .header(header::CONTENT_TYPE, "application/secevent+jwt")
        .header(header::ACCEPT, "application/json")
        .body(Body::from(token))
        .map_err(|error| error.to_string())?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // A receiver may answer and hang up at once: then the answer is there already.
        _ = connection => answer.await,
    };
    answer.map(|answer| answer.status()).map_err(|error| error.to_string())
}
