//! An emulator, a client that follows nothing by itself, and the steps of a sign-in.

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use standin_emulator::{Builder, Emulator};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:8080/auth/google/callback";
pub(crate) const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.events";
pub(crate) const DRIVE: &str = "https://www.googleapis.com/auth/drive.file";
pub(crate) const SIGN_IN: &str = "openid email profile";

/// One emulator of a test, with a browser's and a backend's view of it.
pub(crate) struct Google {
    pub(crate) emulator: Emulator,
    pub(crate) http: Client,
}

impl Google {
    pub(crate) async fn start() -> Self {
        Self::with(Emulator::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        Self { emulator: builder.start().await.unwrap(), http: client() }
    }

    /// An emulator whose pages Ada answers by herself, allowing everything.
    pub(crate) async fn with_ada() -> Self {
        let google = Self::start().await;
        google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
        google
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.origin())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.http.put(self.url(path)).json(body).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.http.post(self.url(path)).json(body).send().await.unwrap()
    }

    pub(crate) async fn autopilot(&self, autopilot: Value) {
        let response = self.put("/_emulator/autopilot", &autopilot).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let response = self.post("/_emulator/faults", &fault).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
    }

    /// The ledger's events of one kind.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Value> {
        let ledger = self.json("/_emulator/ledger").await;
        let events = ledger["events"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).cloned().collect()
    }

    /// An authorization request with what every request needs, and `more`.
    pub(crate) fn authorize(&self, scope: &str, more: &[(&str, &str)]) -> RequestBuilder {
        let mut query = vec![
            ("client_id", self.emulator.client_id()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "s"),
        ];
        query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        query.extend(more);
        self.http.get(self.url("/o/oauth2/v2/auth")).query(&query)
    }

    /// What the browser brings back to the callback.
    pub(crate) async fn callback(&self, scope: &str, more: &[(&str, &str)]) -> Callback {
        let response = self.authorize(scope, more).send().await.unwrap();
        Callback::of(&response)
    }

    pub(crate) async fn code(&self, scope: &str, more: &[(&str, &str)]) -> String {
        self.callback(scope, more).await.code()
    }

    /// A token request with the seeded client's credentials; `fields` come first and win.
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let credentials = [
            ("client_id", self.emulator.client_id()),
            ("client_secret", self.emulator.client_secret()),
        ];
        let mut form = fields.to_vec();
        form.extend(
            credentials.iter().filter(|own| !fields.iter().any(|(name, _)| *name == own.0)),
        );
        form.retain(|(_, value)| *value != ABSENT);
        Answer::of(self.http.post(self.url("/token")).form(&form).send().await.unwrap()).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.redeem_with(code, &[]).await
    }

    pub(crate) async fn redeem_with(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend(more);
        self.token(&fields).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// A whole sign-in: from the authorization request to the token answer.
    pub(crate) async fn sign_in(&self, scope: &str, more: &[(&str, &str)]) -> Answer {
        let code = self.code(scope, more).await;
        self.redeem(&code).await
    }

    /// A refresh token for these scopes.
    pub(crate) async fn offline(&self, scope: &str) -> String {
        self.sign_in(scope, &[("access_type", "offline")]).await.text("refresh_token")
    }

    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        let request = self.http.post(self.url("/revoke")).form(&[("token", token)]);
        Answer::of(request.send().await.unwrap()).await
    }
}

/// A parameter that is not to be sent at all.
pub(crate) const ABSENT: &str = "\0";

/// Follows nothing and keeps no cookies: both are part of what is tested.
#[expect(clippy::disallowed_methods, reason = "a test's client is not the product's")]
pub(crate) fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

/// The query of a redirect to the client.
#[derive(Debug)]
pub(crate) struct Callback(pub(crate) Vec<(String, String)>);

impl Callback {
    #[track_caller]
    pub(crate) fn of(response: &Response) -> Self {
        let location = location(response);
        let (uri, query) = location.split_once('?').unwrap();
        assert_eq!(uri, CALLBACK, "not a redirect to the client: {location}");
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("no code in {self:?}")).to_owned()
    }
}

#[track_caller]
pub(crate) fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::FOUND);
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// A JSON answer with its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) raw: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status();
        let raw = response.text().await.unwrap();
        let body = serde_json::from_str(&raw).unwrap_or_default();
        Self { status, raw, body }
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let value = self.body[name].as_str();
        value.unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.raw)).to_owned()
    }

    /// `400 invalid_grant: Bad Request`.
    pub(crate) fn error(&self) -> String {
        let text = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", self.status.as_u16(), text("error"), text("error_description"))
    }

    /// The granted scopes, sorted.
    #[track_caller]
    pub(crate) fn scopes(&self) -> Vec<String> {
        let mut scopes: Vec<_> = self.text("scope").split(' ').map(str::to_owned).collect();
        scopes.sort();
        scopes
    }

    /// The ID token's claims, unverified.
    #[track_caller]
    pub(crate) fn claims(&self) -> Value {
        part(&self.text("id_token"), 1)
    }

    #[track_caller]
    pub(crate) fn header(&self) -> Value {
        part(&self.text("id_token"), 0)
    }
}

/// A token's claims, unverified.
#[track_caller]
pub(crate) fn payload(jwt: &str) -> Value {
    part(jwt, 1)
}

/// A part of a JWT, unverified: 0 is the header, 1 the claims.
pub(crate) fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
