//! What Calendar and Drive have in common: tokens, refusals, the ledger, faults.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, CALENDAR, CALLBACK, DRIVE, Google, SIGN_IN};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";
const FILES: &str = "/drive/v3/files";
const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";

/// An emulator and one access token of Ada's.
pub(crate) struct Api {
    pub(crate) google: Google,
    pub(crate) token: String,
}

impl Api {
    pub(crate) async fn with(scope: &str) -> Self {
        let google = Google::with_ada().await;
        let token = google.sign_in(scope, &[]).await.text("access_token");
        Self { google, token }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.google.http.request(method, self.google.url(path));
        request.bearer_auth(&self.token)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(method, path).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// The same user's token of a client in another project.
    pub(crate) async fn other_project(&self, scope: &str) -> String {
        let client = json!({
            "client_id": "other", "client_secret": "s", "project": "other",
            "redirect_uris": [CALLBACK],
        });
        self.google.put("/_emulator/clients", &client).await;
        let code = self.google.code(scope, &[("client_id", "other")]).await;
        let more = [("client_id", "other"), ("client_secret", "s")];
        self.google.redeem_with(&code, &more).await.text("access_token")
    }
}

/// `400 required: Missing end time.`
pub(crate) fn refusal(answer: &Answer) -> String {
    let error = &answer.body["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(error["message"], error["errors"][0]["message"], "{}", answer.raw);
    let (reason, message) = (text(&error["errors"][0]["reason"]), text(&error["message"]));
    format!("{} {reason}: {message}", answer.status.as_u16())
}

/// JSON without the white space that Google puts in.
pub(crate) fn compact(raw: &str) -> String {
    raw.lines().map(|line| line.trim().replacen("\": ", "\":", 1)).collect()
}

#[tokio::test]
async fn no_token_and_a_bad_one_are_told_apart_before_anything_else_is_looked_at() {
    let google = Google::with_ada().await;
    let post = || google.http.post(google.url(EVENTS)).body("not json");
    let none = post().send().await.unwrap();
    assert_eq!(none.headers()["www-authenticate"], REALM);
    let none = Answer::of(none).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    let text = "Expected OAuth 2 access token, login cookie or other valid authentication \
        credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    assert_eq!(
        compact(&none.raw),
        format!(
            "{{\"error\":{{\"code\":401,\"message\":\"Request is missing required authentication \
             credential. {text}\",\"status\":\"UNAUTHENTICATED\",\"details\":[{{\
             \"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\
             \"reason\":\"CREDENTIALS_MISSING\",\"domain\":\"googleapis.com\",\
             \"metadata\":{{\"service\":\"googleapis.com\"}}}}]}}}}"
        )
    );
    let bad = post().bearer_auth("nonsense").send().await.unwrap();
    assert_eq!(bad.headers()["www-authenticate"], format!("{REALM}, error=\"invalid_token\""));
    assert_eq!(
        compact(&Answer::of(bad).await.raw),
        format!(
            "{{\"error\":{{\"code\":401,\"message\":\"Request had invalid authentication \
             credentials. {text}\",\"status\":\"UNAUTHENTICATED\"}}}}"
        )
    );
}

#[tokio::test]
async fn a_token_too_weak_is_told_which_scopes_would_do() {
    let api = Api::with(SIGN_IN).await;
    let weak = api.request(Method::POST, EVENTS).body("not json").send().await.unwrap();
    let scopes = ["calendar", "calendar.app.created", "calendar.events", "calendar.events.owned"];
    let scopes = scopes.map(|name| format!("https://www.googleapis.com/auth/{name}")).join(" ");
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{scopes}\"");
    assert_eq!(weak.headers()["www-authenticate"], challenge);
    let weak = Answer::of(weak).await;
    assert_eq!(weak.status, StatusCode::FORBIDDEN);
    let calendar = concat!(
        r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","#,
        r#""errors":[{"message":"Insufficient Permission","domain":"global","#,
        r#""reason":"insufficientPermissions"}],"status":"PERMISSION_DENIED","details":[{"#,
        r#""@type":"type.googleapis.com/google.rpc.ErrorInfo","#,
        r#""reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"#,
        r#""service":"calendar-json.googleapis.com","method":"calendar.v3.Events.Insert"}}]}}"#,
    );
    assert_eq!(compact(&weak.raw), calendar);
    let drive = concat!(
        r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","#,
        r#""status":"PERMISSION_DENIED","details":[{"#,
        r#""@type":"type.googleapis.com/google.rpc.ErrorInfo","#,
        r#""reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"#,
        r#""service":"drive.googleapis.com","method":"google.apps.drive.v3.DriveFiles.List"}}]}}"#,
    );
    assert_eq!(compact(&api.get(FILES).await.raw), drive);
}

#[tokio::test]
async fn every_call_is_in_the_ledger_with_its_status_and_its_caller() {
    let api = Api::with(CALENDAR).await;
    api.google.get(EVENTS).await;
    api.get(EVENTS).await;
    api.get(FILES).await;
    let calls = api.google.events("api_call").await;
    let statuses: Vec<_> = calls.iter().map(|call| call["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [401, 200, 403]);
    assert_eq!(calls[1]["user"], "ada@example.com");
    assert_eq!((&calls[1]["method"], &calls[1]["path"]), (&json!("GET"), &json!(EVENTS)));
    assert!(calls[0].get("user").is_none());
}

#[tokio::test]
async fn a_token_may_come_in_the_query() {
    let api = Api::with(CALENDAR).await;
    let by_query = format!("{EVENTS}?access_token={}", api.token);
    assert_eq!(api.google.get(&by_query).await.status(), StatusCode::OK);
    let bad = api.google.get(&format!("{EVENTS}?access_token=x")).await;
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn unknown_paths_and_wrong_verbs_are_a_page_that_says_not_found() {
    let api = Api::with(CALENDAR).await;
    for (method, path) in [
        (Method::GET, "/calendar/v3/nothing"),
        (Method::DELETE, EVENTS),
        (Method::PUT, FILES),
        (Method::GET, "/upload/drive/v3/files"),
        (Method::POST, "/drive/v3/about"),
    ] {
        let response = api.request(method, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(response.text().await.unwrap().contains("Error 404 (Not Found)!!1"));
    }
}

#[tokio::test]
async fn a_rate_limit_can_be_scripted_for_one_call() {
    let api = Api::with(CALENDAR).await;
    let body = json!({"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [{
        "domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Rate Limit Exceeded",
    }]}});
    let fault = json!({"endpoint": "api", "fault": "status", "status": 403, "body": body});
    api.google.fault(fault).await;
    assert_eq!(refusal(&api.get(EVENTS).await), "403 rateLimitExceeded: Rate Limit Exceeded");
    assert_eq!(api.get(EVENTS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again_and_fields_are_checked_first() {
    let api = Api::with(CALENDAR).await;
    let edge = json!({"date": "2026-01-01"});
    let wrong = api.post(&format!("{EVENTS}?fields=nonsense"), &json!({})).await;
    assert_eq!(refusal(&wrong), "400 invalidParameter: Invalid field selection nonsense");
    let path = format!("{EVENTS}?fields=etag,start/date&prettyPrint=false");
    let event = api.post(&path, &json!({"start": edge, "end": edge})).await;
    let etag = event.text("etag");
    let quoted = etag.replace('"', "\\\"");
    assert_eq!(event.raw, format!(r#"{{"etag":"{quoted}","start":{{"date":"2026-01-01"}}}}"#));
    let id = api.get(EVENTS).await.body["items"][0]["id"].as_str().unwrap().to_owned();
    let get = || api.request(Method::GET, &format!("{EVENTS}/{id}"));
    let known = get().header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let other = get().header("if-none-match", "\"1\"").send().await.unwrap();
    assert_eq!(
        (other.status(), other.headers()["etag"].to_str().unwrap()),
        (StatusCode::OK, &*etag)
    );
}

#[tokio::test]
async fn each_user_has_a_calendar_and_a_drive_of_their_own() {
    let api = Api::with(&format!("{CALENDAR} {DRIVE}")).await;
    let edge = json!({"date": "2026-01-01"});
    api.post(EVENTS, &json!({"start": edge, "end": edge})).await;
    api.post(FILES, &json!({"name": "mine"})).await;
    let grace = json!({"user": "grace@example.com", "decision": "allow"});
    api.google.autopilot(grace).await;
    let token = api.google.sign_in(&format!("{CALENDAR} {DRIVE}"), &[]).await.text("access_token");
    let api = Api { token, ..api };
    assert_eq!(api.get(EVENTS).await.body["items"], json!([]));
    assert_eq!(api.get(FILES).await.body["files"], json!([]));
    let foreign = api.get("/calendar/v3/calendars/ada@example.com/events").await;
    assert_eq!(refusal(&foreign), "404 notFound: Not Found");
}
