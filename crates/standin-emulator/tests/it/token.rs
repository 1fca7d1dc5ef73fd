//! `/token`: the error table, issuance rules, PKCE, code reuse, refresh.

use reqwest::StatusCode;
use standin_emulator::Emulator;
use std::time::Duration;

use crate::support::{ABSENT, Answer, CALENDAR, CALLBACK, DRIVE, Google, SIGN_IN};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const OFFLINE: (&str, &str) = ("access_type", "offline");

#[tokio::test]
async fn a_code_gives_googles_answer_in_googles_order() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[OFFLINE, ("nonce", "n")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let order = ["access_token", "expires_in", "refresh_token", "scope", "token_type", "id_token"];
    let positions = order.map(|name| answer.raw.find(&format!("\"{name}\":")).unwrap());
    assert!(positions.is_sorted(), "{}", answer.raw);
    assert_eq!(answer.body["expires_in"], 3599);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert!(answer.text("access_token").starts_with("ya29.a0"));
    assert!(answer.text("refresh_token").starts_with("1//0"));
    assert!(answer.scopes().contains(&"https://www.googleapis.com/auth/userinfo.email".to_owned()));
    let claims = answer.claims();
    assert_eq!(claims["iss"], google.emulator.origin());
    assert_eq!(claims["aud"], google.emulator.client_id());
    assert_eq!(claims["azp"], google.emulator.client_id());
    assert_eq!(claims["email"], "ada@example.com");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(claims["nonce"], "n");
    assert_eq!(claims["hd"], serde_json::Value::Null);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test]
async fn claims_follow_the_scopes() {
    let google = Google::with_ada().await;
    let claims = google.sign_in("openid", &[]).await.claims();
    assert!(claims["email"].is_null() && claims["name"].is_null(), "{claims}");
    let answer = google.sign_in("email", &[]).await;
    assert_eq!(answer.scopes(), ["https://www.googleapis.com/auth/userinfo.email", "openid"]);
    assert!(answer.claims()["name"].is_null());
    let answer = google.sign_in(CALENDAR, &[]).await;
    assert!(answer.body["id_token"].is_null());
}

#[tokio::test]
async fn the_error_table_is_googles() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    let code = code.as_str();
    let redeem = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("grant_type", ABSENT)], "400 unsupported_grant_type: Invalid grant_type: "),
        (&[("grant_type", "password")], "400 unsupported_grant_type: Invalid grant_type: password"),
        (&[("redirect_uri", ABSENT)], "400 invalid_request: Missing parameter: redirect_uri"),
        (
            &[("client_id", ABSENT)],
            "400 invalid_request: Could not determine client ID from request.",
        ),
        (&[("client_secret", ABSENT)], "400 invalid_request: client_secret is missing."),
        (&[("code", ABSENT)], "400 invalid_request: Missing required parameter: code"),
        (&[("client_id", "x")], "401 invalid_client: The OAuth client was not found."),
        (&[("client_secret", "x")], "401 invalid_client: The provided client secret is invalid."),
        (&[("code", "4%2F0Ax")], "400 invalid_grant: Malformed auth code."),
        (&[("code", "4/0Ax")], "400 invalid_grant: Malformed auth code."),
    ];
    for (change, expected) in cases {
        let mut fields: Vec<_> = redeem.to_vec();
        fields.retain(|(name, _)| !change.iter().any(|(other, _)| other == name));
        fields.extend(*change);
        assert_eq!(google.token(&fields).await.error(), *expected, "{change:?}");
    }
    assert_eq!(google.redeem(code).await.status, StatusCode::OK, "none of these spent the code");
}

#[tokio::test]
async fn a_missing_refresh_token_is_named() {
    let google = Google::start().await;
    let answer = google.token(&[("grant_type", "refresh_token")]).await;
    assert_eq!(answer.error(), "400 invalid_request: Missing required parameter: refresh_token");
}

#[tokio::test]
async fn another_redirect_uri_is_a_mismatch_and_burns_the_code() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    let other = "http://localhost:8080/auth/google/callback";
    let answer = google.redeem_with(&code, &[("redirect_uri", other)]).await;
    assert_eq!(answer.error(), "400 redirect_uri_mismatch: Bad Request");
    assert_eq!(google.redeem(&code).await.error(), "400 invalid_grant: Bad Request");
}

#[tokio::test]
async fn basic_authentication_works_and_an_empty_header_does_not() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    let form =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    let request = || google.http.post(google.url("/token")).form(&form);
    let empty = request().header("authorization", "Basic").send().await.unwrap();
    assert_eq!(Answer::of(empty).await.error(), "400 invalid_request: Bad Request");
    let (id, secret) = (google.emulator.client_id(), google.emulator.client_secret());
    let response = request().basic_auth(id, Some(secret)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["cache-control"],
        "no-cache, no-store, max-age=0, must-revalidate"
    );
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_json_body_with_camel_case_keys_is_understood() {
    let google = Google::with_ada().await;
    let body = serde_json::json!({
        "grantType": "authorization_code",
        "code": google.code(SIGN_IN, &[]).await,
        "redirectUri": CALLBACK,
        "clientId": google.emulator.client_id(),
        "clientSecret": google.emulator.client_secret(),
    });
    assert_eq!(google.post("/token", &body).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn get_is_answered_with_a_page_that_does_not_exist() {
    let google = Google::start().await;
    let response = google.get("/token").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(response.text().await.unwrap().contains("Error 404 (Not Found)!!1"));
}

#[tokio::test]
async fn pkce_is_enforced_both_ways() {
    let google = Google::with_ada().await;
    let s256 = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let cases: [(&[_], &[_], _); 5] = [
        (&s256, &[], "400 invalid_grant: Missing code verifier."),
        (&s256, &[("code_verifier", CHALLENGE)], "400 invalid_grant: Invalid code verifier."),
        (&[], &[("code_verifier", VERIFIER)], "400 invalid_grant: Invalid code verifier."),
        (&s256, &[("code_verifier", VERIFIER)], "200 : "),
        (&[("code_challenge", VERIFIER)], &[("code_verifier", VERIFIER)], "200 : "),
    ];
    for (asked, given, expected) in cases {
        let code = google.code(SIGN_IN, asked).await;
        let answer = google.redeem_with(&code, given).await;
        assert_eq!(answer.error(), expected, "{asked:?} {given:?}");
    }
}

#[tokio::test]
async fn the_second_use_of_a_code_fails_and_revokes_what_the_first_gave() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[OFFLINE]).await;
    let answer = google.redeem(&code).await;
    assert_eq!(google.redeem(&code).await.error(), "400 invalid_grant: Bad Request");
    let refresh_token = answer.text("refresh_token");
    let refreshed = google.refresh(&refresh_token).await;
    assert_eq!(refreshed.error(), "400 invalid_grant: Token has been expired or revoked.");
    let path = format!("/tokeninfo?access_token={}", answer.text("access_token"));
    assert_eq!(google.get(&path).await.status(), StatusCode::BAD_REQUEST);
    let refused = google.events("code_refused").await;
    assert_eq!(refused.len(), 1);
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    google.emulator.clock().advance(Duration::from_secs(601));
    assert_eq!(google.redeem(&code).await.error(), "400 invalid_grant: Bad Request");
}

#[tokio::test]
async fn a_code_of_another_client_is_refused_and_survives() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    let other = google.put("/_emulator/clients", &serde_json::json!({})).await;
    let other: serde_json::Value = other.json().await.unwrap();
    let other = &other["clients"][0];
    let credentials = [
        ("client_id", other["client_id"].as_str().unwrap()),
        ("client_secret", other["client_secret"].as_str().unwrap()),
    ];
    assert_eq!(
        google.redeem_with(&code, &credentials).await.error(),
        "400 invalid_grant: Bad Request"
    );
    let refresh_token = {
        let answer = google.redeem(&code).await;
        assert_eq!(answer.status, StatusCode::OK);
        google.offline(CALENDAR).await
    };
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", &refresh_token)];
    fields.extend(credentials);
    assert_eq!(google.token(&fields).await.error(), "401 unauthorized_client: Unauthorized");
}

#[tokio::test]
async fn a_refresh_token_needs_offline_access_and_a_consent_in_this_round() {
    let google = Google::with_ada().await;
    let has_refresh = |answer: &Answer| answer.body["refresh_token"].is_string();
    assert!(!has_refresh(&google.sign_in(SIGN_IN, &[]).await), "online");
    assert!(
        !has_refresh(&google.sign_in(SIGN_IN, &[OFFLINE]).await),
        "consent was not shown again"
    );
    let forced = google.sign_in(SIGN_IN, &[OFFLINE, ("prompt", "consent")]).await;
    assert!(has_refresh(&forced));
    let legacy = google.sign_in(SIGN_IN, &[OFFLINE, ("approval_prompt", "force")]).await;
    assert!(has_refresh(&legacy));
    let wider = google.sign_in(&format!("{SIGN_IN} {CALENDAR}"), &[OFFLINE]).await;
    assert!(has_refresh(&wider), "a new scope shows the consent page");
}

#[tokio::test]
async fn included_scopes_are_those_of_the_project() {
    let google = Google::with_ada().await;
    google.sign_in(CALENDAR, &[]).await;
    let alone = google.sign_in(DRIVE, &[]).await;
    assert_eq!(alone.scopes(), [DRIVE]);
    let all = google.sign_in(DRIVE, &[("include_granted_scopes", "true")]).await;
    assert_eq!(all.scopes(), [CALENDAR, DRIVE]);
}

#[tokio::test]
async fn consent_given_to_one_client_counts_for_the_others_of_its_project() {
    let google = Google::with_ada().await;
    google.sign_in(CALENDAR, &[]).await;
    let sibling = serde_json::json!({"client_id": "sibling", "redirect_uris": [CALLBACK]});
    let stranger =
        serde_json::json!({"client_id": "stranger", "project": "p", "redirect_uris": [CALLBACK]});
    google.put("/_emulator/clients", &serde_json::json!([sibling, stranger])).await;
    let prompt = async |client| {
        let callback = google.callback(CALENDAR, &[("client_id", client)]).await;
        callback.get("prompt").unwrap().to_owned()
    };
    assert_eq!(prompt("sibling").await, "none");
    assert_eq!(prompt("stranger").await, "consent");
}

#[tokio::test]
async fn a_refresh_gives_a_token_of_the_same_scopes_or_fewer() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(&format!("{SIGN_IN} {CALENDAR} {DRIVE}")).await;
    let answer = google.refresh(&refresh_token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body["refresh_token"].is_null(), "Google keeps the old one");
    assert!(answer.claims()["nonce"].is_null());
    let base = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let narrow = google.token(&[base[0], base[1], ("scope", CALENDAR)]).await;
    assert_eq!(narrow.scopes(), [CALENDAR]);
    let wide = "https://www.googleapis.com/auth/drive";
    let wide = google.token(&[base[0], base[1], ("scope", wide)]).await;
    assert_eq!(wide.error(), "400 invalid_scope: Bad Request");
}

#[tokio::test]
async fn an_invented_refresh_token_differs_from_a_dead_one() {
    let google = Google::with_ada().await;
    assert_eq!(google.refresh("1//0x").await.error(), "400 invalid_grant: Bad Request");
    let refresh_token = google.offline(SIGN_IN).await;
    google.post("/_emulator/users/ada@example.com/revoke", &serde_json::json!({})).await;
    let dead = google.refresh(&refresh_token).await;
    assert_eq!(dead.error(), "400 invalid_grant: Token has been expired or revoked.");
    assert_eq!(google.events("refresh_refused").await.len(), 2);
}

#[tokio::test]
async fn the_hundred_and_first_refresh_token_kills_the_first_silently() {
    let google = Google::with_ada().await;
    let profile = serde_json::json!({"refresh_token_limit": 2});
    google.put("/_emulator/profile", &profile).await;
    let consent = [OFFLINE, ("prompt", "consent")];
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(google.sign_in(SIGN_IN, &consent).await.text("refresh_token"));
    }
    assert_eq!(google.refresh(&tokens[0]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(google.refresh(&tokens[1]).await.status, StatusCode::OK);
    assert_eq!(google.refresh(&tokens[2]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_user_has_one_subject_whatever_the_project() {
    let google = Google::with_ada().await;
    let sub = google.sign_in(SIGN_IN, &[]).await.claims()["sub"].clone();
    let stranger = serde_json::json!({
        "client_id": "stranger", "client_secret": "s", "project": "p", "redirect_uris": [CALLBACK],
    });
    google.put("/_emulator/clients", &stranger).await;
    let code = google.code(SIGN_IN, &[("client_id", "stranger")]).await;
    let credentials = [("client_id", "stranger"), ("client_secret", "s")];
    assert_eq!(google.redeem_with(&code, &credentials).await.claims()["sub"], sub);
}

#[tokio::test]
async fn a_workspace_account_shows_its_domain() {
    let google = Google::start().await;
    let linus = serde_json::json!({"user": "linus@corp.example", "decision": "allow"});
    google.autopilot(linus).await;
    let callback = google.callback(SIGN_IN, &[]).await;
    assert_eq!(callback.get("hd"), Some("corp.example"));
    assert_eq!(google.redeem(&callback.code()).await.claims()["hd"], "corp.example");
}

#[tokio::test]
async fn two_emulators_share_nothing_but_the_machine() {
    let (first, second) = (Google::with_ada().await, Google::with_ada().await);
    let code = first.code(SIGN_IN, &[]).await;
    assert_eq!(second.redeem(&code).await.error(), "400 invalid_grant: Malformed auth code.");
    let kid = |answer: &Answer| answer.header()["kid"].clone();
    assert_ne!(kid(&first.redeem(&code).await), kid(&second.sign_in(SIGN_IN, &[]).await));
    let gone = second.emulator.origin().to_owned();
    second.emulator.stop().await;
    assert!(first.http.get(gone).send().await.is_err());
    assert!(Emulator::builder().listen("0.0.0.0:0".parse().unwrap()).start().await.is_err());
}

#[tokio::test]
async fn an_app_in_testing_loses_its_refresh_tokens_after_seven_days() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &serde_json::json!({"testing_status": true})).await;
    let sign_in_only = google.sign_in(SIGN_IN, &[OFFLINE]).await;
    assert!(sign_in_only.body["refresh_token_expires_in"].is_null());
    let answer = google.sign_in(CALENDAR, &[OFFLINE]).await;
    let expires_in = answer.body["refresh_token_expires_in"].as_i64().unwrap();
    assert!((604_790..=604_799).contains(&expires_in));
    google.emulator.clock().advance(Duration::from_hours(7 * 24));
    let dead = google.refresh(&answer.text("refresh_token")).await;
    assert_eq!(dead.error(), "400 invalid_grant: Token has been expired or revoked.");
    let alive = google.refresh(&sign_in_only.text("refresh_token")).await;
    assert_eq!(alive.status, StatusCode::OK);
}

#[tokio::test]
async fn access_that_was_given_for_a_time_says_so_and_ends() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &serde_json::json!({"access_seconds": 3600})).await;
    let answer = google.sign_in(SIGN_IN, &[OFFLINE]).await;
    let expires_in = answer.body["refresh_token_expires_in"].as_i64().unwrap();
    assert!((3590..=3600).contains(&expires_in), "{expires_in}");
    let refresh_token = answer.text("refresh_token");
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::OK);
    google.emulator.clock().advance(Duration::from_hours(1));
    let dead = google.refresh(&refresh_token).await;
    assert_eq!(dead.error(), "400 invalid_grant: Token has been expired or revoked.");
}
