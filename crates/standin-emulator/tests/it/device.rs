//! The device flow: codes, polls, and the page where a person answers.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ABSENT, Answer, CALENDAR, DRIVE, Google, SIGN_IN};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const PENDING: &str = "428 authorization_pending: Precondition Required";

struct Tv {
    google: Google,
    secret: String,
}

impl Tv {
    async fn new() -> Self {
        let google = Google::start().await;
        let client = json!({"client_id": "tv", "kind": "limited_input", "name": "Television"});
        let answer = google.put("/_emulator/clients", &client).await;
        let answer: Value = answer.json().await.unwrap();
        let secret = answer["clients"][0]["client_secret"].as_str().unwrap().to_owned();
        Self { google, secret }
    }

    async fn code(&self, fields: &[(&str, &str)]) -> Answer {
        let request = self.google.http.post(self.google.url("/device/code")).form(fields);
        Answer::of(request.send().await.unwrap()).await
    }

    /// A device code and the code to type.
    async fn begin(&self, scope: &str) -> (String, String) {
        let answer = self.code(&[("client_id", "tv"), ("scope", scope)]).await;
        (answer.text("device_code"), answer.text("user_code"))
    }

    async fn poll(&self, device_code: &str) -> Answer {
        self.poll_with(&[("device_code", device_code)]).await
    }

    async fn poll_with(&self, fields: &[(&str, &str)]) -> Answer {
        let own =
            [("grant_type", GRANT), ("client_id", "tv"), ("client_secret", self.secret.as_str())];
        let mut all = fields.to_vec();
        all.extend(own.iter().filter(|own| !fields.iter().any(|(name, _)| *name == own.0)));
        self.google.token(&all).await
    }

    async fn page(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let request = self.google.http.post(self.google.url(path)).form(fields);
        request.send().await.unwrap().text().await.unwrap()
    }

    fn wait(&self) {
        self.google.emulator.clock().advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_code_has_googles_members_and_leads_to_a_page_that_is_there() {
    let tv = Tv::new().await;
    let answer = tv.code(&[("client_id", "tv"), ("scope", SIGN_IN)]).await;
    let order = ["device_code", "user_code", "verification_url", "expires_in", "interval"];
    let positions = order.map(|name| answer.raw.find(&format!("\"{name}\":")).unwrap());
    assert!(positions.is_sorted() && answer.body.as_object().unwrap().len() == 5);
    assert_eq!((&answer.body["expires_in"], &answer.body["interval"]), (&json!(1800), &json!(5)));
    assert!(answer.text("device_code").starts_with("AH-1Ng"));
    let page = tv.google.http.get(answer.text("verification_url")).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("id=\"user-code\""));
}

#[tokio::test]
async fn who_may_ask_for_a_code_and_for_what() {
    let tv = Tv::new().await;
    let web = tv.google.emulator.client_id();
    let scope = ("scope", SIGN_IN);
    let bad = format!("400 invalid_scope: Invalid device flow scope: {CALENDAR}");
    let wide = format!("openid {CALENDAR} {DRIVE}");
    let cases: [(&[_], &str); 7] = [
        (&[scope], "400 invalid_request: Could not determine client ID from request."),
        (&[("client_id", "x"), scope], "401 invalid_client: The OAuth client was not found."),
        (&[("client_id", web), scope], "401 invalid_client: Invalid client type."),
        (&[("client_id", "tv")], "400 invalid_request: Missing required parameter: scope"),
        (&[("client_id", "tv"), ("scope", &wide)], &bad),
        (&[("client_id", "tv"), ("scope", DRIVE)], "200 : "),
        (&[("client_id", "tv"), scope], "200 : "),
    ];
    for (fields, expected) in cases {
        assert_eq!(tv.code(fields).await.error(), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn a_poll_is_refused_in_googles_statuses() {
    let tv = Tv::new().await;
    let (device_code, _) = tv.begin(SIGN_IN).await;
    let code = ("device_code", device_code.as_str());
    let (web, secret) = (tv.google.emulator.client_id(), tv.google.emulator.client_secret());
    let cases: [(&[_], &str); 7] = [
        (&[], "400 invalid_request: Missing required parameter: device_code"),
        (&[code, ("client_secret", ABSENT)], "400 invalid_request: client_secret is missing."),
        (
            &[code, ("client_secret", "x")],
            "401 invalid_client: The provided client secret is invalid.",
        ),
        (
            &[code, ("client_id", web), ("client_secret", secret)],
            "401 invalid_client: Invalid client type.",
        ),
        (&[("device_code", "x")], "400 invalid_grant: Malformed device code."),
        (&[code], PENDING),
        (&[code], "403 slow_down: Forbidden"),
    ];
    for (fields, expected) in cases {
        assert_eq!(tv.poll_with(fields).await.error(), expected, "{fields:?}");
    }
    tv.wait();
    assert_eq!(tv.poll(&device_code).await.error(), PENDING);
    tv.google.emulator.clock().advance(Duration::from_mins(30));
    assert_eq!(tv.poll(&device_code).await.error(), "400 expired_token: Bad Request");
}

#[tokio::test]
async fn a_person_types_the_code_chooses_an_account_and_allows() {
    let tv = Tv::new().await;
    let (device_code, user_code) = tv.begin(&format!("{SIGN_IN} {DRIVE}")).await;
    assert_eq!(tv.poll(&device_code).await.error(), PENDING);
    let wrong = tv.page("/device", &[("code", "NONE-0000")]).await;
    assert!(wrong.contains("wrong-code"));
    let code = ("code", user_code.as_str());
    let chooser = tv.page("/device", &[code]).await;
    assert!(chooser.contains("account-ada@example.com") && chooser.contains("Television"));
    let account = ("account", "ada@example.com");
    let consent = tv.page("/device/account", &[code, account]).await;
    assert!(consent.contains(&format!("name=\"scope\" value=\"{DRIVE}\"")), "{consent}");
    let fields = [code, account, ("scope", DRIVE), ("continue", "1")];
    let done = tv.page("/device/consent", &fields).await;
    assert!(done.contains("Device connected") || done.contains("Success"), "{done}");
    assert!(tv.page("/device/consent", &fields).await.contains("wrong-code"), "answered once");
    let answer = tv.poll(&device_code).await;
    assert_eq!(answer.scopes().len(), 4);
    let claims = answer.claims();
    assert_eq!((&claims["email"], &claims["aud"]), (&json!("ada@example.com"), &json!("tv")));
    assert_eq!(tv.poll(&device_code).await.error(), "400 invalid_grant: Bad Request");
    let own = [("client_id", "tv"), ("client_secret", tv.secret.as_str())];
    let refresh_token = answer.text("refresh_token");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let refreshed = tv.google.token(&[refresh[0], refresh[1], own[0], own[1]]).await;
    assert_eq!(refreshed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_person_can_say_no_or_tick_nothing() {
    let tv = Tv::new().await;
    let (device_code, user_code) = tv.begin(&format!("{SIGN_IN} {DRIVE}")).await;
    let person = [("code", user_code.as_str()), ("account", "ada@example.com")];
    let done = tv.page("/device/consent", &[person[0], person[1], ("cancel", "1")]).await;
    assert!(done.contains("not connected"));
    assert_eq!(tv.poll(&device_code).await.error(), "403 access_denied: Forbidden");
    let (device_code, user_code) = tv.begin(&format!("{SIGN_IN} {DRIVE}")).await;
    let person = [("code", user_code.as_str()), ("account", "ada@example.com")];
    tv.page("/device/consent", &[person[0], person[1], ("continue", "1")]).await;
    assert_eq!(tv.poll(&device_code).await.scopes().len(), 3, "sign-in has no box");
}

#[tokio::test]
async fn the_autopilot_answers_at_the_next_poll_and_the_old_grant_type_still_works() {
    let tv = Tv::new().await;
    let (device_code, _) = tv.begin(SIGN_IN).await;
    assert_eq!(tv.poll(&device_code).await.error(), PENDING);
    let autopilot = |decision: &str| json!({"user": "ada@example.com", "decision": decision});
    tv.google.autopilot(autopilot("deny")).await;
    assert_eq!(tv.poll(&device_code).await.error(), "403 access_denied: Forbidden");
    tv.google.autopilot(autopilot("allow")).await;
    let (device_code, _) = tv.begin(SIGN_IN).await;
    let legacy = [("grant_type", "http://oauth.net/grant_type/device/1.0"), ("code", &device_code)];
    let answer = tv.poll_with(&legacy).await;
    assert!(answer.text("refresh_token").starts_with("1//0"));
}

#[tokio::test]
async fn an_organization_has_the_last_word() {
    let tv = Tv::new().await;
    tv.google.autopilot(json!({"user": "linus@corp.example", "decision": "allow"})).await;
    let internal = json!({
        "id": "emulated-project", "user_type": "internal", "organization": "other.example"
    });
    tv.google.put("/_emulator/projects", &internal).await;
    let (device_code, _) = tv.begin(SIGN_IN).await;
    assert_eq!(tv.poll(&device_code).await.error(), "403 org_internal: ");
    tv.google.put("/_emulator/projects", &json!({"id": "emulated-project"})).await;
    let blocked = json!({"admin_blocked_domains": ["corp.example"]});
    tv.google.put("/_emulator/profile", &blocked).await;
    assert_eq!(tv.poll(&device_code).await.error(), "400 admin_policy_enforced: ");
}

#[tokio::test]
async fn a_fault_can_say_that_the_quota_is_used_up() {
    let tv = Tv::new().await;
    let quota = json!({"error_code": "rate_limit_exceeded"});
    let fault = json!({"endpoint": "device", "fault": "status", "status": 403, "body": quota});
    tv.google.fault(fault).await;
    let answer = tv.code(&[("client_id", "tv"), ("scope", SIGN_IN)]).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::FORBIDDEN, &quota));
    assert_eq!(tv.code(&[("client_id", "tv"), ("scope", SIGN_IN)]).await.status, StatusCode::OK);
}
