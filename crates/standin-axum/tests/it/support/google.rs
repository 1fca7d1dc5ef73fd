//! The provider, and what it says happened.

use std::time::Duration;

use serde_json::{Value, json};
use standin_emulator::Emulator;

/// The emulator with its control API at hand.
pub struct Google {
    emulator: Emulator,
    client: reqwest::Client,
}

impl Google {
    #[expect(clippy::disallowed_methods, reason = "the control API is not the library's to call")]
    pub fn new(emulator: Emulator) -> Self {
        Self { emulator, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    pub fn origin(&self) -> &str {
        self.emulator.origin()
    }

    pub fn client_id(&self) -> &str {
        self.emulator.client_id()
    }

    /// Redeems a code from the provider's popup as our server does, faults and all: the ID token.
    pub async fn redeem(&self, code: &str) -> String {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", "postmessage")
            .append_pair("client_id", self.client_id())
            .append_pair("client_secret", self.emulator.client_secret())
            .finish();
        let request = self.client.post(format!("{}/token", self.origin())).body(body);
        let form = "application/x-www-form-urlencoded";
        let response = request.header("content-type", form).send().await.unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        answer["id_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// From now on this user answers chooser and consent with yes.
    pub async fn allow(&self, user: &str) {
        self.control("PUT", "autopilot", json!({ "user": user, "decision": "allow" })).await;
    }

    /// The same, but leaving these scopes unticked.
    pub async fn allow_all_but(&self, user: &str, untick: &[&str]) {
        let autopilot = json!({ "user": user, "decision": "allow", "untick": untick });
        self.control("PUT", "autopilot", autopilot).await;
    }

    /// From now on this user answers with no.
    pub async fn deny(&self, user: &str) {
        self.control("PUT", "autopilot", json!({ "user": user, "decision": "deny" })).await;
    }

    /// The next use of `endpoint` goes wrong in this way; more members may be given.
    pub async fn fault(&self, endpoint: &str, fault: &str, more: Value) {
        let mut written = json!({ "endpoint": endpoint, "fault": fault });
        if let (Some(written), Some(more)) = (written.as_object_mut(), more.as_object()) {
            written.extend(more.clone());
        }
        self.control("POST", "faults", json!([written])).await;
    }

    /// Time goes by, for provider and app alike.
    pub async fn advance(&self, seconds: u64) {
        self.control("POST", "clock", json!({ "advance_seconds": seconds })).await;
    }

    /// Waits until this has happened so many times; for longer than a lease, whose time is that of the database.
    pub async fn happened(&self, kind: &str, times: usize) {
        for _ in 0..15_000 {
            if self.count(kind).await >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("no {kind}: {:?}", self.ledger().await);
    }

    /// The provider's clock and the app's, to the millisecond.
    pub fn clock(&self) -> standin_emulator::Clock {
        self.emulator.clock()
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.origin());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method.clone(), url);
        if method != reqwest::Method::GET && !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Everything that happened, in order.
    pub async fn ledger(&self) -> Vec<Value> {
        let ledger = self.control("GET", "ledger?after=0", Value::Null).await;
        ledger["events"].as_array().unwrap().clone()
    }

    /// How often this happened.
    pub async fn count(&self, kind: &str) -> usize {
        self.ledger().await.iter().filter(|event| event["kind"] == kind).count()
    }

    /// Calls an API with a token, as a job would.
    pub async fn api(&self, path: &str, token: &str) -> u16 {
        let url = format!("{}{path}", self.origin());
        self.client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }
}
