//! What the browser brings back: every response type in every response mode, and the errors that the
//! client is told.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{CALENDAR, CALLBACK, Google, SIGN_IN, location, payload};

/// A response type, and the names of its answer in their order.
const ANSWERS: &[(&str, &str)] = &[
    ("code", "state iss code scope authuser prompt"),
    ("token", "state iss access_token token_type expires_in scope authuser prompt"),
    ("id_token", "state iss id_token authuser prompt"),
    ("code token", "state iss code access_token token_type expires_in scope authuser prompt"),
    ("id_token code", "state iss code scope id_token authuser prompt"),
    (
        "token id_token",
        "state iss access_token token_type expires_in scope id_token authuser prompt",
    ),
    (
        "token code id_token",
        "state iss code access_token token_type expires_in scope id_token authuser prompt",
    ),
    ("none", "state iss authuser prompt"),
    ("permission", "state iss scope authuser session_state prompt"),
    ("permission id_token", "state iss scope id_token authuser session_state prompt"),
    ("code permission", "state iss code scope authuser session_state prompt"),
    ("none gsession", "state iss authuser session_state prompt"),
];

type Pairs = Vec<(String, String)>;

fn with<'a>(response_type: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut params = vec![("response_type", response_type)];
    if response_type.contains("id_token") {
        params.push(("nonce", "n-0S6"));
    }
    params.extend(more);
    params
}

/// Whether the answer came in the query, and what it says.
async fn answer(google: &Google, scope: &str, params: &[(&str, &str)]) -> (bool, Pairs) {
    let response = google.authorize(scope, params).send().await.unwrap();
    let location = location(&response);
    let rest = location.strip_prefix(CALLBACK).unwrap_or_else(|| panic!("not back: {location}"));
    let pairs = form_urlencoded::parse(&rest.as_bytes()[1..]).into_owned().collect();
    (rest.starts_with('?'), pairs)
}

fn get<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    let pair = pairs.iter().find(|(known, _)| known == name);
    &pair.unwrap_or_else(|| panic!("no {name} in {pairs:?}")).1
}

fn names(pairs: &Pairs) -> String {
    pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_response_type_answers_with_its_own_members_in_its_own_place() {
    let google = Google::with_ada().await;
    for (response_type, expected) in ANSWERS {
        let (in_query, pairs) = answer(&google, SIGN_IN, &with(response_type, &[])).await;
        assert_eq!(&names(&pairs), expected, "{response_type}");
        let quiet = ["code", "none", "none gsession"].contains(response_type);
        assert_eq!(in_query, quiet, "{response_type}: no token in a query");
        for (name, value) in [("state", "s"), ("expires_in", "3599"), ("token_type", "Bearer")] {
            let found = pairs.iter().find(|(known, _)| known == name);
            assert!(found.is_none_or(|(_, text)| text == value), "{response_type}: {pairs:?}");
        }
    }
}

#[tokio::test]
async fn the_response_mode_decides_where_the_answer_goes() {
    let google = Google::with_ada().await;
    let (in_query, _) =
        answer(&google, SIGN_IN, &with("code", &[("response_mode", "query")])).await;
    assert!(in_query);
    let fragment = [("response_mode", "fragment")];
    let (in_query, pairs) = answer(&google, SIGN_IN, &with("code", &fragment)).await;
    assert!(!in_query && get(&pairs, "code").starts_with("4/0A"));
    for (response_type, expected) in ANSWERS {
        let params = with(response_type, &[("response_mode", "form_post")]);
        let response = google.authorize(SIGN_IN, &params).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'sha256-"), "{policy}");
        let page = response.text().await.unwrap();
        assert!(page.contains(&format!("method=\"post\" action=\"{CALLBACK}\"")), "{page}");
        let fields = page.split("type=\"hidden\" name=\"").skip(1);
        let fields: Vec<_> = fields.map(|rest| rest.split_once('"').unwrap().0).collect();
        assert_eq!(&fields.join(" "), expected, "{response_type}");
    }
}

#[tokio::test]
async fn a_space_is_a_plus_in_queries_and_an_escape_in_fragments() {
    let google = Google::with_ada().await;
    for (response_type, scope) in [
        ("code", "scope=email+profile+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fuserinfo.email+"),
        ("token", "scope=email%20profile%20https://www.googleapis.com/auth/userinfo.email%20"),
    ] {
        let state = [("state", "a b+c/é&d=#")];
        let request = google.authorize(SIGN_IN, &with(response_type, &state));
        let location = location(&request.send().await.unwrap());
        assert!(location.contains(scope), "{location}");
        let (_, pairs) = answer(&google, SIGN_IN, &with(response_type, &state)).await;
        assert_eq!(get(&pairs, "state"), state[0].1, "{location}");
    }
}

#[tokio::test]
async fn the_front_channels_id_token_is_bound_to_what_comes_with_it() {
    let google = Google::with_ada().await;
    let (_, pairs) = answer(&google, SIGN_IN, &with("code token id_token", &[])).await;
    let claims = payload(get(&pairs, "id_token"));
    assert_eq!(claims["iss"], google.emulator.origin());
    assert_eq!(claims["nonce"], "n-0S6");
    assert_eq!(claims["at_hash"], half_hash(get(&pairs, "access_token")));
    assert_eq!(claims["c_hash"], half_hash(get(&pairs, "code")));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 40);
    assert_eq!(claims["email"], "ada@example.com");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(claims.get("name").is_none(), "{claims}");
    let (_, alone) = answer(&google, SIGN_IN, &with("id_token", &[])).await;
    let claims = payload(get(&alone, "id_token"));
    assert!(claims.get("at_hash").is_none() && claims.get("c_hash").is_none(), "{claims}");
    let verified = google.json(&format!("/tokeninfo?id_token={}", get(&alone, "id_token"))).await;
    assert_eq!(verified["sub"], claims["sub"], "a published key signed it");
}

/// The endpoint before the one that discovery names leaves out the scheme.
#[tokio::test]
async fn the_issuer_is_spelt_by_endpoint_and_as_the_profile_says() {
    let google = Google::with_ada().await;
    let origin = google.emulator.origin();
    let bare = origin.strip_prefix("http://").unwrap();
    assert_eq!(issuers(&google).await, [origin, bare, origin]);
    let forms =
        json!({"id_token_iss_form": {"front": "bare", "old_front": "https", "token": "bare"}});
    google.put("/_emulator/profile", &forms).await;
    assert_eq!(issuers(&google).await, [bare, origin, bare]);
}

/// What ID tokens of both authorization endpoints and of the token endpoint call their issuer.
async fn issuers(google: &Google) -> [String; 3] {
    let params = with("code id_token", &[]);
    let (_, new) = answer(google, SIGN_IN, &params).await;
    let url = google.authorize(SIGN_IN, &params).build().unwrap().url().clone();
    let old = google.get(&format!("/o/oauth2/auth?{}", url.query().unwrap())).await;
    let old = location(&old);
    let fragment = old.split_once('#').unwrap().1;
    let old = form_urlencoded::parse(fragment.as_bytes()).into_owned().collect();
    let redeemed = google.redeem(get(&new, "code")).await.claims();
    let claims = [payload(get(&new, "id_token")), payload(get(&old, "id_token")), redeemed];
    claims.map(|claims| claims["iss"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_implicit_access_token_works_and_cannot_be_renewed() {
    let google = Google::with_ada().await;
    let offline = [("access_type", "offline")];
    let (_, pairs) =
        answer(&google, &format!("{SIGN_IN} {CALENDAR}"), &with("token", &offline)).await;
    let token = get(&pairs, "access_token");
    assert!(token.starts_with("ya29.a0"));
    let info = google.json(&format!("/tokeninfo?access_token={token}")).await;
    assert_eq!(
        (&info["access_type"], &info["email"]),
        (&json!("online"), &json!("ada@example.com"))
    );
    let issued = google.events("token_issued").await;
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0]["access_token_sha256"].as_str().unwrap().len(), 64);
    assert!(google.events("code_issued").await.is_empty());
    let user = google.http.get(google.url("/oauth2/v3/userinfo")).bearer_auth(token).send().await;
    assert_eq!(user.unwrap().status(), StatusCode::OK);
    google.revoke(token).await;
    let gone = google.get(&format!("/tokeninfo?access_token={token}")).await;
    assert_eq!(gone.status(), StatusCode::BAD_REQUEST);
}

/// A code that comes twice takes along what was issued beside it.
#[tokio::test]
async fn a_hybrid_access_token_falls_with_its_code() {
    let google = Google::with_ada().await;
    let (_, pairs) = answer(&google, SIGN_IN, &with("code token", &[])).await;
    let info = format!("/tokeninfo?access_token={}", get(&pairs, "access_token"));
    assert_eq!(google.redeem(get(&pairs, "code")).await.status, StatusCode::OK);
    assert_eq!(google.get(&info).await.status(), StatusCode::OK);
    google.redeem(get(&pairs, "code")).await;
    assert_eq!(google.get(&info).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_workspace_account_shows_its_domain_and_nobody_else_does() {
    let google = Google::start().await;
    google.autopilot(json!({"user": "linus@corp.example", "decision": "allow"})).await;
    for response_type in ["code", "token", "id_token"] {
        let (_, pairs) = answer(&google, SIGN_IN, &with(response_type, &[])).await;
        assert_eq!(get(&pairs, "hd"), "corp.example");
        assert!(names(&pairs).ends_with("authuser hd prompt"), "{pairs:?}");
    }
}

#[tokio::test]
async fn without_the_iss_parameter_answers_are_as_they_were() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &json!({"iss_parameter": false})).await;
    let (_, pairs) = answer(&google, SIGN_IN, &with("code", &[])).await;
    assert_eq!(names(&pairs), "state code scope authuser prompt");
}

#[tokio::test]
async fn the_old_librarys_session_state_stays_the_same_for_one_browser() {
    let google = Google::with_ada().await;
    let (_, pairs) = answer(&google, SIGN_IN, &with("permission", &[])).await;
    let (hash, salt) = get(&pairs, "session_state").split_once("..").unwrap();
    assert_eq!((hash.len(), salt.len()), (40, 4));
}

/// What the client is told of, in each place: the person's no, and a page that must not be shown.
#[tokio::test]
async fn errors_travel_as_the_answer_would_have() {
    let google = Google::start().await;
    for (response_type, quiet) in [("code", true), ("token", false), ("code id_token", false)] {
        let silent: [(&[(&str, &str)], &str); 3] = [
            (&[("prompt", "none")], "interaction_required"),
            (&[("immediate", "true")], "immediate_failed"),
            (&[("immediate", "true"), ("approval_prompt", "force")], "immediate_failed"),
        ];
        for (params, error) in silent {
            let (in_query, pairs) = answer(&google, SIGN_IN, &with(response_type, params)).await;
            assert_eq!(in_query, quiet, "{response_type}");
            assert_eq!(names(&pairs), "state iss error_subtype error");
            assert_eq!(get(&pairs, "error_subtype"), "access_denied");
            assert_eq!(get(&pairs, "error"), error);
        }
    }
    google.autopilot(json!({"user": "ada@example.com", "decision": "deny"})).await;
    for (response_type, quiet) in [("code", true), ("token", false), ("none", true)] {
        let (in_query, pairs) = answer(&google, SIGN_IN, &with(response_type, &[])).await;
        assert_eq!(in_query, quiet, "{response_type}");
        assert_eq!(names(&pairs), "error state iss");
        assert_eq!(get(&pairs, "error"), "access_denied");
    }
    let posted = with("token", &[("response_mode", "form_post")]);
    let page = google.authorize(SIGN_IN, &posted).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("name=\"error\" value=\"access_denied\""), "{page}");
}

#[tokio::test]
async fn prompt_none_answers_once_everything_was_granted() {
    let google = Google::with_ada().await;
    answer(&google, SIGN_IN, &with("token", &[])).await;
    for silent in [("prompt", "none"), ("immediate", "true")] {
        let (_, pairs) = answer(&google, SIGN_IN, &with("token", &[silent])).await;
        assert_eq!(get(&pairs, "prompt"), "none");
        assert!(get(&pairs, "access_token").starts_with("ya29."));
        let more = format!("{SIGN_IN} {CALENDAR}");
        let (_, pairs) = answer(&google, &more, &with("token", &[silent])).await;
        assert_eq!(get(&pairs, "error_subtype"), "access_denied", "a scope was never granted");
    }
}

/// The left half of a SHA-256.
fn half_hash(text: &str) -> Value {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    Value::from(data_encoding::BASE64URL_NOPAD.encode(&hash.as_ref()[..16]))
}
