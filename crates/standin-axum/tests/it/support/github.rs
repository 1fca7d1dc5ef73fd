//! A strict GitHub, as far as signing in and taking back go: its addresses, shapes, words and statuses. It is an
//! Enterprise Server by its addresses, and either an OAuth app's or a GitHub App's by how it was started.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, RefreshRate, Registration,
    Scopes, Transport, UserAuthentication, github_issuer,
};
use standin::secret::{ClientSecret, sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const CLIENT: (&str, &str) = ("Iv1.github-client", "github-secret");

/// Whose tokens it gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum App {
    /// Its tokens do not end.
    OAuth,
    /// Its tokens end after eight hours, and are refreshed.
    GitHub,
}

struct Code {
    challenge: String,
    redirect_uri: String,
    scope: String,
}

struct Inner {
    app: App,
    redirect_uri: String,
    /// Who says yes at the browser.
    person: Value,
    iss: Option<String>,
    codes: BTreeMap<String, Code>,
    /// Live tokens; a refresh token by the access token that it came with.
    access: BTreeMap<String, String>,
    refresh: BTreeMap<String, String>,
    count: usize,
    log: Vec<String>,
    /// The next answer of a path, whatever it would be.
    instead: Vec<(&'static str, u16, String)>,
}

type Shared = Arc<Mutex<Inner>>;

/// Runs until it is dropped.
pub struct GitHub {
    pub origin: String,
    inner: Shared,
    server: JoinHandle<()>,
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl GitHub {
    #[expect(clippy::disallowed_methods, reason = "a test's server is aborted with it")]
    pub async fn start(app: App) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner {
            app,
            redirect_uri: String::new(),
            person: json!({
                "login": "octocat", "id": 583_231, "name": "The Octocat", "type": "User",
                "avatar_url": "https://avatars.example/u/583231", "email": "shown@example.com",
            }),
            iss: None,
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            count: 0,
            log: Vec::new(),
            instead: Vec::new(),
        }));
        let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, inner, server }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn issuer(&self) -> String {
        github_issuer(&self.origin)
    }

    /// As it is configured in the app.
    pub fn config(&self, scopes: &str, extra: &str) -> ProviderConfig {
        ProviderConfig {
            id: "github".parse().unwrap(),
            kind: ProviderKind::GitHub,
            issuer: self.issuer(),
            registration: Registration {
                client_id: CLIENT.0.to_owned(),
                client_secret: ClientSecret::new(CLIENT.1),
                authentication: ClientAuthentication::Post,
            },
            scopes: Scopes::parse(scopes).unwrap(),
            extra_scopes: Scopes::parse(extra).unwrap(),
            browser_scopes: Scopes::default(),
            hosted_domains: Vec::new(),
            allow: standin::AllowList::default(),
            allow_credential_without_nonce: false,
            answer: AnswerForm::default(),
            authentication: UserAuthentication::default(),
            max_refreshes_per_second: RefreshRate::default(),
            transport: Transport::LoopbackHttpAllowed,
        }
    }

    /// The one callback that is registered.
    pub fn register(&self, redirect_uri: &str) {
        redirect_uri.clone_into(&mut self.inner().redirect_uri);
    }

    /// Answers name this issuer (RFC 9207), which GitHub does since 2026.
    pub fn names_itself(&self, iss: &str) {
        self.inner().iss = Some(iss.to_owned());
    }

    pub fn set_person(&self, member: &str, value: Value) {
        self.inner().person[member] = value;
    }

    /// The next answer of this path.
    pub fn answers(&self, path: &'static str, status: u16, body: impl Into<String>) {
        self.inner().instead.push((path, status, body.into()));
    }

    /// The user removes the application: every token is dead.
    pub fn remove_application(&self) {
        let mut inner = self.inner();
        inner.access.clear();
        inner.refresh.clear();
    }

    pub fn is_live(&self, token: &str) -> bool {
        self.inner().access.contains_key(token)
    }

    /// How often this was called.
    pub fn calls(&self, call: &str) -> usize {
        self.inner().log.iter().filter(|logged| logged.starts_with(call)).count()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inner = shared.lock().unwrap();
    let path = uri.path().to_owned();
    inner.log.push(format!("{method} {path}"));
    if let Some(index) = inner.instead.iter().position(|(at, ..)| path.ends_with(at)) {
        let (_, status, body) = inner.instead.remove(index);
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let query = form(uri.query().unwrap_or_default().as_bytes());
    match (&method, path.as_str()) {
        (&Method::GET, "/login/oauth/authorize") => inner.authorize(&query),
        (&Method::POST, "/login/oauth/access_token") => inner.token(&headers, &form(&body)),
        (_, path) => match path.strip_prefix("/api/v3") {
            Some(path) => inner.api(&method, path, &headers, &body),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

fn form(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn json(status: u16, body: &Value) -> Response {
    let kind = [("content-type", "application/json; charset=utf-8")];
    (StatusCode::from_u16(status).unwrap(), kind, body.to_string()).into_response()
}

/// GitHub's refusals at the token endpoint have status 200.
fn refusal(error: &str) -> Response {
    json(200, &json!({ "error": error, "error_description": "…", "error_uri": "/apps/…" }))
}

impl Inner {
    fn next(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{:036}", self.count)
    }

    /// Whoever is at the browser says yes at once.
    fn authorize(&mut self, query: &BTreeMap<String, String>) -> Response {
        let of = |name: &str| query.get(name).cloned().unwrap_or_default();
        assert_eq!(
            (of("client_id").as_str(), of("code_challenge_method").as_str()),
            (CLIENT.0, "S256")
        );
        assert_eq!(of("code_challenge").len(), 43, "RFC 7636 §4.2");
        assert_eq!(of("redirect_uri"), self.redirect_uri);
        for unknown in ["nonce", "login_hint", "access_type"] {
            assert!(!query.contains_key(unknown), "GitHub knows no {unknown}");
        }
        let code = self.next("");
        let (challenge, redirect_uri) = (of("code_challenge"), of("redirect_uri"));
        let mut to = url::Url::parse(&redirect_uri).unwrap();
        to.query_pairs_mut().append_pair("code", &code).append_pair("state", &of("state"));
        if let Some(iss) = &self.iss {
            to.query_pairs_mut().append_pair("iss", iss);
        }
        self.codes.insert(code, Code { challenge, redirect_uri, scope: of("scope") });
        (StatusCode::FOUND, [(LOCATION, to.to_string())]).into_response()
    }

    fn token(&mut self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> Response {
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        // Without this GitHub answers with a form.
        assert_eq!(headers[ACCEPT], "application/json");
        if (of("client_id").as_str(), of("client_secret").as_str()) != CLIENT {
            return refusal("incorrect_client_credentials");
        }
        if of("grant_type") == "refresh_token" {
            let Some(access) = self.refresh.remove(&of("refresh_token")) else {
                return refusal("bad_refresh_token");
            };
            // The old access token dies at once.
            self.access.remove(&access);
            return self.give("");
        }
        let Some(code) = self.codes.remove(&of("code")) else {
            return refusal("bad_verification_code");
        };
        if code.redirect_uri != of("redirect_uri") {
            return refusal("redirect_uri_mismatch");
        }
        if BASE64URL_NOPAD.encode(&sha256(of("code_verifier").as_bytes())) != code.challenge {
            return refusal("bad_verification_code");
        }
        self.give(&code.scope)
    }

    fn give(&mut self, scope: &str) -> Response {
        if self.app == App::OAuth {
            let token = self.next("gho_");
            let scope = scope.replace(' ', ",");
            self.access.insert(token.clone(), scope.clone());
            return json(
                200,
                &json!({ "access_token": token, "scope": scope, "token_type": "bearer" }),
            );
        }
        let (access, refresh) = (self.next("ghu_"), self.next("ghr_"));
        self.access.insert(access.clone(), String::new());
        self.refresh.insert(refresh.clone(), access.clone());
        json(
            200,
            &json!({
                "access_token": access, "expires_in": 28800, "refresh_token": refresh,
                "refresh_token_expires_in": 15_897_600, "scope": "", "token_type": "bearer",
            }),
        )
    }

    fn api(&mut self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        assert!(headers.contains_key(USER_AGENT), "GitHub refuses requests without one");
        let authorization = headers[AUTHORIZATION].to_str().unwrap();
        let Some(path) = path.strip_prefix(&format!("/applications/{}", CLIENT.0)) else {
            let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
            if !self.access.contains_key(token) {
                return json(401, &json!({ "message": "Bad credentials", "status": "401" }));
            }
            return match path {
                "/user" => json(200, &self.person),
                "/user/emails" => json(
                    200,
                    &json!([
                        { "email": "old@example.com", "primary": false, "verified": true, "visibility": null },
                        { "email": "octocat@github.example", "primary": true, "verified": true, "visibility": "private" },
                    ]),
                ),
                _ => json(404, &json!({ "message": "Not Found", "status": "404" })),
            };
        };
        let basic = BASE64.encode(format!("{}:{}", CLIENT.0, CLIENT.1).as_bytes());
        assert_eq!(authorization, format!("Basic {basic}"));
        let body: Value = serde_json::from_slice(body).unwrap();
        let token = body["access_token"].as_str().unwrap();
        if !self.access.contains_key(token) {
            return json(404, &json!({ "message": "Not Found", "status": "404" }));
        }
        match (method, path) {
            (&Method::DELETE, "/grant") => {
                self.access.clear();
                self.refresh.clear();
                StatusCode::NO_CONTENT.into_response()
            }
            (&Method::POST, "/token") => json(200, &json!({ "token": token, "user": self.person })),
            _ => json(404, &json!({ "message": "Not Found", "status": "404" })),
        }
    }
}
