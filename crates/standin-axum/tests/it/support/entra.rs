//! A strict Microsoft identity platform (v2.0), as far as signing in and refreshing go: its addresses, shapes and words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use data_encoding::BASE64URL_NOPAD;
use http::header::LOCATION;
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, RefreshRate, Registration,
    Scopes, Tenants, Transport, UserAuthentication,
};
use standin::secret::{ClientSecret, sha256};
use standin_emulator::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::signer::jwk;
use super::{KID, World, changed, signed};

const CLIENT: (&str, &str) = ("6731de76-14a6-49ae-97bc-6eba6914391e", "entra~secret");
/// Contoso.
pub const TENANT: &str = "b9419818-09af-49c2-b0c3-653adc1f376e";
/// Another.
pub const FABRIKAM: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";

struct Code {
    challenge: String,
    nonce: String,
    scope: String,
}

struct Inner {
    origin: String,
    redirect_uri: String,
    clock: Option<Clock>,
    /// The claims of whoever says yes at the browser, apart from those of the protocol.
    person: Value,
    /// Changes of the next ID tokens.
    change: Value,
    key_issuer: Value,
    codes: BTreeMap<String, Code>,
    /// Refresh tokens; an old one goes on.
    refresh: BTreeMap<String, String>,
    spent: Vec<String>,
    count: usize,
    log: Vec<String>,
}

type Shared = Arc<Mutex<Inner>>;

/// Runs until it is dropped.
pub struct Entra {
    pub origin: String,
    inner: Shared,
    server: JoinHandle<()>,
}

impl Drop for Entra {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Entra {
    #[expect(clippy::disallowed_methods, reason = "a test's server is aborted with it")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner {
            origin: origin.clone(),
            redirect_uri: String::new(),
            clock: None,
            person: json!({
                "tid": TENANT, "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
                "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "name": "Abe Lincoln",
                "preferred_username": "abe@contoso.example", "email": "abe@contoso.example",
            }),
            change: json!({}),
            key_issuer: json!(format!("{origin}/{{tenantid}}/v2.0")),
            codes: BTreeMap::new(),
            refresh: BTreeMap::new(),
            spent: Vec::new(),
            count: 0,
            log: Vec::new(),
        }));
        let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, inner, server }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// As it is configured in the app.
    pub fn config(&self, tenant: &str, allowed: Option<&[&str]>) -> ProviderConfig {
        let allowed: Option<Vec<String>> =
            allowed.map(|all| all.iter().map(ToString::to_string).collect());
        let tenants = Tenants::new(tenant, allowed.as_deref()).unwrap();
        ProviderConfig {
            id: "entra".parse().unwrap(),
            issuer: tenants.issuer_at(&self.origin),
            kind: ProviderKind::Entra(tenants),
            registration: Registration {
                client_id: CLIENT.0.to_owned(),
                client_secret: ClientSecret::new(CLIENT.1),
                authentication: ClientAuthentication::Post,
            },
            scopes: Scopes::parse("openid email profile").unwrap(),
            extra_scopes: Scopes::parse("Calendars.Read").unwrap(),
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

    /// The one callback that is registered, and what time it is.
    pub fn register(&self, world: &World) {
        let mut inner = self.inner();
        inner.redirect_uri = world.url("/auth/entra/callback").to_string();
        inner.clock = Some(world.google.clock());
    }

    pub fn set_person(&self, change: &Value) {
        let mut inner = self.inner();
        inner.person = changed(inner.person.clone(), change);
    }

    /// What the ID tokens from now on have otherwise; `null` leaves out.
    pub fn spoil(&self, change: Value) {
        self.inner().change = change;
    }

    /// What the key says of whose tokens it signs.
    pub fn set_key_issuer(&self, issuer: Value) {
        self.inner().key_issuer = issuer;
    }

    /// The refresh tokens that were spent, and the newest.
    pub fn refresh_tokens(&self) -> (Vec<String>, String) {
        let inner = self.inner();
        (inner.spent.clone(), inner.refresh.keys().next_back().unwrap().clone())
    }

    /// How often this was called.
    pub fn calls(&self, call: &str) -> usize {
        self.inner().log.iter().filter(|logged| logged.contains(call)).count()
    }
}

async fn answer(State(shared): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut inner = shared.lock().unwrap();
    let path = uri.path().to_owned();
    inner.log.push(format!("{method} {path}"));
    let Some((authority, path)) = path[1..].split_once('/') else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match (&method, path) {
        (&Method::GET, "v2.0/.well-known/openid-configuration") => inner.discovery(authority),
        (&Method::GET, "discovery/v2.0/keys") => {
            let key = changed(jwk(), &json!({ "issuer": inner.key_issuer }));
            json(200, &json!({ "keys": [key] }))
        }
        (&Method::GET, "oauth2/v2.0/authorize") => {
            inner.authorize(&form(uri.query().unwrap_or_default().as_bytes()))
        }
        (&Method::POST, "oauth2/v2.0/token") => inner.token(&form(&body)),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn form(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn json(status: u16, body: &Value) -> Response {
    let kind = [("content-type", "application/json; charset=utf-8")];
    (StatusCode::from_u16(status).unwrap(), kind, body.to_string()).into_response()
}

impl Inner {
    fn next(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{:036}", self.count)
    }

    /// With the placeholder, where the address is one for many; the address for personal accounts has one tenant.
    fn discovery(&self, authority: &str) -> Response {
        let tenant = match authority {
            "organizations" | "common" => "{tenantid}",
            "consumers" => "9188040d-6c67-4c5b-b112-36a304b66dad",
            tenant => tenant,
        };
        let origin = &self.origin;
        json(
            200,
            &json!({
                "issuer": format!("{origin}/{tenant}/v2.0"),
                "authorization_endpoint": format!("{origin}/{authority}/oauth2/v2.0/authorize"),
                "token_endpoint": format!("{origin}/{authority}/oauth2/v2.0/token"),
                "jwks_uri": format!("{origin}/{authority}/discovery/v2.0/keys"),
                "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
                "end_session_endpoint": format!("{origin}/{authority}/oauth2/v2.0/logout"),
                "response_types_supported": ["code", "id_token", "code id_token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }),
        )
    }

    /// Whoever is at the browser says yes at once.
    fn authorize(&mut self, query: &BTreeMap<String, String>) -> Response {
        let of = |name: &str| query.get(name).cloned().unwrap_or_default();
        assert_eq!(
            (of("client_id").as_str(), of("code_challenge_method").as_str()),
            (CLIENT.0, "S256")
        );
        assert_eq!(
            (of("redirect_uri"), of("response_type")),
            (self.redirect_uri.clone(), "code".into())
        );
        assert!(!of("nonce").is_empty() && of("code_challenge").len() == 43);
        let scopes = of("scope");
        let scopes: BTreeSet<&str> = scopes.split(' ').collect();
        assert!(scopes.is_superset(&BTreeSet::from(["openid", "offline_access"])));
        assert!(query.get("login_hint").is_none_or(|hint| hint.contains('@')), "no user name");
        assert!(!query.contains_key("access_type"));
        let code = self.next("0.AQ");
        let mut to = url::Url::parse(&self.redirect_uri).unwrap();
        to.query_pairs_mut().append_pair("code", &code).append_pair("state", &of("state"));
        to.query_pairs_mut().append_pair("session_state", &self.next("s"));
        let (challenge, nonce, scope) = (of("code_challenge"), of("nonce"), of("scope"));
        self.codes.insert(code, Code { challenge, nonce, scope });
        (StatusCode::FOUND, [(LOCATION, to.to_string())]).into_response()
    }

    fn token(&mut self, form: &BTreeMap<String, String>) -> Response {
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        if (of("client_id").as_str(), of("client_secret").as_str()) != CLIENT {
            return json(401, &json!({ "error": "invalid_client", "error_codes": [7_000_215] }));
        }
        let refused = || json(400, &json!({ "error": "invalid_grant", "error_codes": [70008] }));
        if of("grant_type") == "refresh_token" {
            let Some(scope) = self.refresh.get(&of("refresh_token")).cloned() else {
                return refused();
            };
            self.spent.push(of("refresh_token"));
            return self.give(scope, None);
        }
        match self.codes.remove(&of("code")) {
            Some(code)
                if BASE64URL_NOPAD.encode(&sha256(of("code_verifier").as_bytes()))
                    == code.challenge
                    && of("redirect_uri") == self.redirect_uri =>
            {
                self.give(code.scope, Some(&code.nonce))
            }
            _ => refused(),
        }
    }

    /// What opens no API is not listed.
    fn give(&mut self, scope: String, nonce: Option<&str>) -> Response {
        let opens = scope.split(' ').filter(|one| !["openid", "offline_access"].contains(one));
        let opens = opens.collect::<Vec<_>>().join(" ");
        let (access, refresh) = (self.next("eyJ0"), self.next("1.AQ"));
        self.refresh.insert(refresh.clone(), scope);
        json(
            200,
            &json!({
                "token_type": "Bearer", "scope": opens, "expires_in": 3600, "ext_expires_in": 3600,
                "access_token": access, "refresh_token": refresh, "id_token": self.id_token(nonce),
            }),
        )
    }

    fn id_token(&self, nonce: Option<&str>) -> String {
        let now = self.clock.as_ref().unwrap().now_unix_ms() / 1000;
        let tenant = self.person["tid"].as_str().unwrap();
        let claims = json!({
            "ver": "2.0", "iss": format!("{}/{tenant}/v2.0", self.origin), "aud": CLIENT.0,
            "iat": now, "nbf": now, "exp": now + 3600, "nonce": nonce, "uti": "u", "rh": "r",
        });
        let claims = changed(changed(claims, &self.person), &self.change);
        signed(&json!({ "typ": "JWT", "alg": "ES256", "kid": KID }), &claims)
    }
}
