//! The cookie of an attempt: only the very one that this server sealed says how the attempt
//! stands (requirement AR-4).
//!
//! In the input, byte 1 stands for the cookie's name and byte 2 for its value, neither of which HTTP could
//! carry: so a mutation begins with what is right.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::HeaderMap;
use standin::Standin;
use standin::entropy::SeededEntropy;
use standin::http::{HttpClient, HttpError, Request, Response};
use standin::id::AttemptId;
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, RefreshRate, Registration,
    Scopes, Transport, UserAuthentication,
};
use standin::secret::ClientSecret;
use standin::session::cookie::{Cookies, SetCookie};
use standin::signin::CodeRequest;
use standin::store::memory::MemoryStore;
use standin::time::{MockClock, Timestamp};
use standin::vault::KeyFile;

use crate::reference::{NOW, cookie_headers, cookies_named};

const PREFIX: &str = "__Host-standin-att-";

/// A service at which somebody has begun to sign in.
struct World {
    standin: Standin,
    attempt: AttemptId,
    cookie: SetCookie,
}

static WORLD: LazyLock<World> = LazyLock::new(|| begin().now_or_never().expect("nothing waits"));

pub(crate) fn run(template: &[u8]) -> bool {
    let World { standin, attempt, cookie } = &*WORLD;
    let lines = fill_in(template, cookie);
    let Some(headers) = cookie_headers(&lines) else {
        return false;
    };
    let cookies = Cookies::of(&headers);
    let outcome = standin.signin().outcome(*attempt, cookies);
    let outcome = outcome.now_or_never().expect("nothing waits").expect("the store is in memory");
    // Which of our names it has does not matter: what is sealed in it says whose it is.
    let is_own = |name: &str| cookies_named(&lines, name) == [cookie.value().as_bytes()];
    assert!(outcome.is_none() || cookies.names_with_prefix(PREFIX).any(is_own));
    outcome.is_some()
}

fn fill_in(template: &[u8], cookie: &SetCookie) -> Vec<u8> {
    let own = |byte: &u8| match byte {
        1 => cookie.name().as_bytes().to_vec(),
        2 => cookie.value().as_bytes().to_vec(),
        other => vec![*other],
    };
    template.iter().flat_map(own).collect()
}

async fn begin() -> World {
    let url = "https://app.example.com".parse().expect("a URL");
    let standin = Standin::builder(url, Arc::new(MemoryStore::default()), NoNetwork)
        .clock(MockClock::new(Timestamp::from_unix_seconds(NOW)))
        .entropy(SeededEntropy::new(1))
        .provider(google())
        .build(&KeyFile::generate(&SeededEntropy::new(2)))
        .await
        .expect("a new vault");
    let provider = google().id;
    let headers = HeaderMap::new();
    let signin = standin.signin();
    let begun = signin.begin_code(&provider, &CodeRequest::default(), Cookies::of(&headers)).await;
    let mut begun = begun.expect("an attempt needs no network");
    let (attempt, cookie) = (begun.attempt, begun.cookies.remove(0));
    World { standin, attempt, cookie }
}

fn google() -> ProviderConfig {
    ProviderConfig {
        id: "google".parse().expect("a name"),
        kind: ProviderKind::Google,
        issuer: standin::provider::GOOGLE_ISSUER.to_owned(),
        registration: Registration {
            client_id: "client-1".to_owned(),
            client_secret: ClientSecret::new("secret"),
            authentication: ClientAuthentication::Post,
        },
        scopes: Scopes::parse("openid email").expect("scopes"),
        extra_scopes: Scopes::default(),
        browser_scopes: Scopes::default(),
        hosted_domains: Vec::new(),
        allow: standin::AllowList::default(),
        allow_credential_without_nonce: false,
        answer: AnswerForm::default(),
        authentication: UserAuthentication::default(),
        max_refreshes_per_second: RefreshRate::default(),
        transport: Transport::Https,
    }
}

struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        Err(HttpError::Unsent)
    }
}
