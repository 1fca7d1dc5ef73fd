//! The authorization endpoint: what it refuses, what it answers without a page.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

use crate::support::{CALENDAR, DRIVE, Google, SIGN_IN, location};

/// The text of the error page a request ends on.
pub(crate) async fn error_page(google: &Google, scope: &str, more: &[(&str, &str)]) -> String {
    error_page_of(google, google.authorize(scope, more)).await
}

pub(crate) async fn error_page_of(google: &Google, request: RequestBuilder) -> String {
    let location = location(&request.send().await.unwrap());
    assert!(location.starts_with("/signin/oauth/error?authError="), "{location}");
    let page = google.get(&location).await;
    assert_eq!(page.status(), StatusCode::OK, "Google's error page is a 200");
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    page.text().await.unwrap().replace("&#39;", "'").replace("&#x27;", "'")
}

type Changes = &'static [(&'static str, &'static str)];

/// What is changed in a good request, the error it gets, and words of the page.
const REFUSALS: &[(Changes, &str, &str)] = &[
    (&[("client_id", "")], "400: invalid_request", "Missing required parameter: client_id"),
    (&[("client_id", "x")], "401: invalid_client", "The OAuth client was not found."),
    (&[("redirect_uri", "")], "400: invalid_request", "Missing required parameter: redirect_uri"),
    (&[("redirect_uri", "nonsense")], "400: invalid_request", "validation rules"),
    (
        &[("redirect_uri", "http://127.0.0.1:8080/auth/google/callback/")],
        "400: redirect_uri_mismatch",
        "register the redirect URI",
    ),
    (&[("redirect_uri", "https://evil.example/")], "400: redirect_uri_mismatch", "evil.example"),
    (&[("redirect_uri", "postmessage")], "400: invalid_request", "parameter: origin"),
    (
        &[("redirect_uri", "storagerelay://https/evil.example?id=auth1")],
        "400: origin_mismatch",
        "register the JavaScript origin",
    ),
    (
        &[("response_type", "")],
        "400: invalid_request",
        "Required parameter is missing: response_type",
    ),
    (&[("response_type", "foo")], "400: invalid_request", "Invalid response_type: foo"),
    (&[("scope", "")], "400: invalid_request", "Missing required parameter: scope"),
    (&[("scope", "foo")], "400: invalid_scope", "were invalid. {invalid=[foo]}"),
    (&[("scope", "openid foo")], "400: invalid_scope", "{valid=[openid], invalid=[foo]}"),
    (&[("code_challenge", "short")], "400: invalid_request", "Invalid code_challenge: short"),
    (&[("code_challenge_method", "S512")], "400: invalid_request", "Invalid code_challenge_method"),
    (&[("prompt", "none consent")], "400: invalid_request", "Invalid prompt"),
    (
        &[("prompt", "consent"), ("approval_prompt", "force")],
        "400: invalid_request",
        "Conflict params: approval_prompt and prompt",
    ),
    (&[("nonce", "1"), ("nonce", "2")], "400: invalid_request", "single value: nonce"),
    (&[("prompt", "login")], "400: invalid_request", "Invalid prompt: login"),
    (&[("approval_prompt", "yes")], "400: invalid_request", "Invalid approval_prompt: yes"),
    (&[("access_type", "Offline")], "400: invalid_request", "Invalid access_type: Offline"),
    (&[("include_granted_scopes", "1")], "400: invalid_request", "Invalid include_granted_scopes"),
    (&[("code_challenge_method", "S256")], "400: invalid_request", "parameter: code_challenge"),
    (&[("claims", "{")], "400: invalid_request", "Invalid claims"),
    (&[("client_secret", "s")], "400: invalid_request", "message type: client_secret"),
    (&[("response_mode", "jwt")], "400: invalid_request", "Invalid response_mode: jwt"),
    (&[("response_type", "code none")], "400: invalid_request", "Invalid response_type: code none"),
    (&[("response_type", "id_token")], "400: invalid_request", "Missing required parameter: nonce"),
    (
        &[("response_type", "token"), ("response_mode", "query")],
        "400: invalid_request",
        "Invalid response_mode: query",
    ),
    (
        &[("response_type", "token"), ("nonce", "n")],
        "400: invalid_request",
        "Parameter not allowed for this message type: nonce",
    ),
    (
        &[("response_type", "token"), ("code_challenge_method", "S256")],
        "400: invalid_request",
        "Parameter not allowed for this message type: code_challenge_method",
    ),
    (
        &[("redirect_uri", "http://192.168.0.112:8080/cb")],
        "400: invalid_request",
        "device_id and device_name are required for private IP: http://192.168.0.112:8080/cb",
    ),
    (
        &[("redirect_uri", "com.example.app:/cb")],
        "400: invalid_request",
        "Custom scheme URIs are not allowed for 'WEB' client type.",
    ),
    (
        &[("redirect_uri", "urn:ietf:wg:oauth:2.0:oob")],
        "400: redirect_uri_mismatch",
        "It is not allowed for the WEB client type.",
    ),
];

#[tokio::test]
async fn faulty_requests_end_on_googles_error_page_and_never_at_the_client() {
    let google = Google::with_ada().await;
    for (more, code, text) in REFUSALS {
        let page = error_page(&google, SIGN_IN, more).await;
        assert!(page.contains(&format!("Error {code}")), "{more:?}: {page}");
        assert!(page.contains(text), "{more:?}: {page}");
    }
    assert!(google.events("authorization").await.is_empty());
}

/// Each wrong by itself, in the order in which Google looks.
#[tokio::test]
async fn the_first_complaint_wins() {
    let google = Google::with_ada().await;
    let mut wrong = vec![
        ("client_id", "x", "invalid_client"),
        ("redirect_uri", "https://evil.example/", "redirect_uri_mismatch"),
        ("response_type", "foo", "Invalid response_type"),
        ("scope", "foo", "invalid_scope"),
        ("code_challenge", "short", "Invalid code_challenge"),
    ];
    while !wrong.is_empty() {
        let more: Vec<_> = wrong.iter().map(|(name, value, _)| (*name, *value)).collect();
        let page = error_page(&google, SIGN_IN, &more).await;
        assert!(page.contains(wrong[0].2), "{more:?}: {page}");
        wrong.remove(0);
    }
}

/// What changes nothing: hints, old parameters, and those that nobody knows.
#[tokio::test]
async fn accepted_parameters_without_effect_have_none() {
    let google = Google::with_ada().await;
    let cases: &[&[(&str, &str)]] = &[
        &[("display", "page")],
        &[("display", "popup")],
        &[("display", "touch")],
        &[("display", "wap")],
        &[("hl", "de"), ("ui_locales", "de-AT de")],
        &[("hd", "*")],
        &[("login_hint", "nobody@example.com")],
        &[("gsiwebsdk", "3"), ("fetch_basic_profile", "true"), ("ss_domain", "http://x")],
        &[("proxy", "p"), ("cookie_policy", "single_host_origin")],
        &[("device_id", "d"), ("device_name", "n")],
        &[("enable_granular_consent", "false"), ("enable_serial_consent", "true")],
        &[("approval_prompt", "auto")],
        &[("claims", "{\"userinfo\":{}}")],
        &[("whatever", "1"), ("whatever", "2")],
        &[("nonce", "")],
    ];
    for more in cases {
        let callback = google.callback(SIGN_IN, more).await;
        assert_eq!(callback.code().len(), 73, "{more:?}");
    }
}

#[tokio::test]
async fn approval_prompt_force_asks_again() {
    let google = Google::with_ada().await;
    google.callback(SIGN_IN, &[]).await;
    let auto = google.callback(SIGN_IN, &[("approval_prompt", "auto")]).await;
    assert_eq!(auto.get("prompt"), Some("none"));
    let forced = google.callback(SIGN_IN, &[("approval_prompt", "force")]).await;
    assert_eq!(forced.get("prompt"), Some("consent"));
}

#[tokio::test]
async fn a_challenge_without_a_method_is_plain() {
    let google = Google::with_ada().await;
    let verifier = "a-verifier-of-forty-three-characters-at-least";
    let code = google.code(SIGN_IN, &[("code_challenge", verifier)]).await;
    let answer = google.redeem_with(&code, &[("code_verifier", verifier)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.raw);
}

/// `auth_time` needs the request to call it essential, and the project to have switched it on.
#[tokio::test]
async fn the_id_token_says_more_only_if_it_is_asked_to() {
    let google = Google::with_ada().await;
    let essential = [("claims", r#"{"id_token":{"auth_time":{"essential":true}}}"#)];
    let before = google.sign_in(SIGN_IN, &essential).await.claims();
    assert!(before.get("auth_time").is_none(), "the project has not switched it on");
    let project = json!({"id": "emulated-project", "auth_time": true});
    google.put("/_emulator/projects", &project).await;
    let voluntary = [("claims", r#"{"id_token":{"auth_time":null}}"#)];
    assert!(google.sign_in(SIGN_IN, &voluntary).await.claims().get("auth_time").is_none());
    let claims = google.sign_in(SIGN_IN, &essential).await.claims();
    let age = claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap();
    assert!((0..60).contains(&age), "{claims}");
    assert!(claims.get("openid_id").is_none());
    let realm = [("openid.realm", "http://127.0.0.1:8080")];
    let first = google.sign_in(SIGN_IN, &realm).await.claims();
    let id = first["openid_id"].as_str().unwrap();
    assert!(id.starts_with("https://www.google.com/accounts/o8/id?id=AItOawk"), "{id}");
    assert_eq!(google.sign_in(SIGN_IN, &realm).await.claims()["openid_id"], id);
    let other = [("openid.realm", "http://localhost:8080")];
    assert_ne!(google.sign_in(SIGN_IN, &other).await.claims()["openid_id"], id);
}

#[tokio::test]
async fn what_a_request_says_is_escaped_on_the_error_page() {
    let google = Google::start().await;
    let page = error_page(&google, "<script>alert(1)</script>", &[]).await;
    assert!(!page.contains("<script>alert"));
}

#[tokio::test]
async fn a_success_answers_as_google_does() {
    let google = Google::with_ada().await;
    let callback = google.callback(SIGN_IN, &[]).await;
    let names: Vec<_> = callback.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["state", "iss", "code", "scope", "authuser", "prompt"]);
    assert_eq!(callback.get("iss"), Some(google.emulator.origin()));
    assert_eq!(callback.get("prompt"), Some("consent"));
    let scope = callback.get("scope").unwrap();
    assert!(scope.contains("email profile ") && scope.contains("auth/userinfo.email"), "{scope}");
    let again = google.callback(SIGN_IN, &[]).await;
    assert_eq!(again.get("prompt"), Some("none"), "consent was given before");
}

#[tokio::test]
async fn post_is_as_good_as_get_and_the_old_path_still_works() {
    let google = Google::with_ada().await;
    let query = google.authorize(SIGN_IN, &[]).build().unwrap().url().query().unwrap().to_owned();
    let url = google.url("/o/oauth2/auth");
    let form = "application/x-www-form-urlencoded";
    let request = google.http.post(url).header("content-type", form).body(query);
    let location = location(&request.send().await.unwrap());
    assert!(location.contains("code=4%2F0A"), "{location}");
}

#[tokio::test]
async fn form_post_answers_with_a_form() {
    let google = Google::with_ada().await;
    let request = google.authorize(SIGN_IN, &[("response_mode", "form_post"), ("state", "\"><b>")]);
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("method=\"post\" action=\"http://127.0.0.1:8080/auth/google/callback\""));
    assert!(page.contains("name=\"code\"") && !page.contains("\"><b>"));
}

#[tokio::test]
async fn a_person_who_says_no_sends_back_access_denied() {
    let google = Google::start().await;
    google.autopilot(json!({"user": "ada@example.com", "decision": "deny"})).await;
    let callback = google.callback(SIGN_IN, &[]).await;
    assert_eq!(callback.get("error"), Some("access_denied"));
    assert_eq!(callback.get("state"), Some("s"));
    assert_eq!(google.events("consent_shown").await.len(), 1);
    assert!(google.events("code_issued").await.is_empty());
}

#[tokio::test]
async fn prompt_none_never_shows_anything() {
    let google = Google::start().await;
    let none = [("prompt", "none")];
    let nobody = google.callback(SIGN_IN, &none).await;
    assert_eq!(nobody.get("error"), Some("interaction_required"));
    assert_eq!(nobody.get("error_subtype"), Some("access_denied"));
    google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
    let ungranted = google.callback(SIGN_IN, &none).await;
    assert_eq!(ungranted.get("error"), Some("interaction_required"));
    google.sign_in(SIGN_IN, &[]).await;
    assert!(google.callback(SIGN_IN, &none).await.get("code").is_some());
}

#[tokio::test]
async fn the_autopilot_unticks_what_has_a_box() {
    let google = Google::start().await;
    let autopilot =
        json!({"user": "ada@example.com", "decision": "allow", "untick": [DRIVE, "email"]});
    google.autopilot(autopilot).await;
    let answer = google.sign_in(&format!("{SIGN_IN} {CALENDAR} {DRIVE}"), &[]).await;
    let scopes = answer.scopes();
    assert!(scopes.contains(&CALENDAR.to_owned()) && !scopes.contains(&DRIVE.to_owned()));
    assert_eq!(answer.claims()["email"], "ada@example.com", "sign-in has no box");
}

#[tokio::test]
async fn a_popup_gets_its_code_as_a_message_for_one_origin() {
    let google = Google::with_ada().await;
    let relay = [("redirect_uri", "storagerelay://http/127.0.0.1:8080?id=auth42")];
    let page = google.authorize(SIGN_IN, &relay).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("\"http://127.0.0.1:8080\""), "{page}");
    assert!(page.contains(r#"\"id\":\"auth42\""#) && page.contains(r#"\"type\":\"authResult\""#));
    let code = page.split_once(r#"\"code\":\""#).unwrap().1.split_once('\\').unwrap().0;
    let wrong = google.redeem(code).await;
    assert_eq!(wrong.error(), "400 redirect_uri_mismatch: Bad Request");
    let page = google.authorize(SIGN_IN, &relay).send().await.unwrap().text().await.unwrap();
    let code = page.split_once(r#"\"code\":\""#).unwrap().1.split_once('\\').unwrap().0;
    let answer = google.redeem_with(code, &[("redirect_uri", "postmessage")]).await;
    assert_eq!(answer.status, StatusCode::OK);
}
