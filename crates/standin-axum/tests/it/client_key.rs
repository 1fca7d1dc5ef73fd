//! The job's door: who may come in, and what they must bring.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::support::{ADA, World};
use crate::vend::{bearer, raw};

#[tokio::test]
async fn tv_1_only_a_whole_key_of_ours_in_a_single_header_is_a_key() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let key = job.key.as_str();
    let wrong = [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        key.into(),
        format!("Basic {key}"),
        format!("Bearer  {key}"),
        format!("Bearer\t{key}"),
        format!("Bearer {key},"),
        format!("Bearer {key} {key}"),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {key}A"),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer {}", &key[3..]),
        format!("Bearer sk_{}", "A".repeat(43)),
        format!("Bearer sk_{}", "A".repeat(100_000)),
        format!("Bearer \"{key}\""),
        format!("bearer={key}"),
        format!("Bearer token={key}"),
    ];
    let mut first = None;
    for value in &wrong {
        // Sixty wrong keys from one address are the limit, and these are fewer.
        let answer = raw(&world, &user, &[("authorization", value)], "").await;
        let too_large =
            value.len() > 90_000 && answer.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        if !too_large {
            answer.assert_refused(401, "invalid_client");
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"standin\"");
            assert_eq!(answer.body, *first.get_or_insert_with(|| answer.body.clone()), "{value}");
        }
    }
    raw(&world, &user, &[], "").await.assert_refused(401, "invalid_client");
    let good = bearer(&job);
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
    raw(&world, &user, &twice, "").await.assert_refused(401, "invalid_client");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        raw(&world, &user, &[("authorization", &format!("{scheme} {key}"))], "")
            .await
            .assert_status(200);
    }
}

#[tokio::test]
async fn hh_8_an_authorization_that_cannot_be_read_is_answered_401() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let path = format!("/v1/users/{user}/grants/google/token");
    let (key, half) = (job.key.as_bytes(), "x".repeat(64 * 1024));
    let malformed: [&[u8]; 14] = [
        b"Bearer \xff\xfe",
        b"\xc3\x28",
        &[b"Bearer ", key, b"\x80"].concat(),
        &[b"Bearer\xa0", key].concat(),
        half.as_bytes(),
        &[b"Bearer ", half.as_bytes()].concat(),
        &[b"Bearer sk_", half.as_bytes()].concat(),
        b"Bearer %",
        b"Bearer %73k_",
        b"Bearer sk_%",
        b"Basic %",
        b"Basic Og==",
        b"Bearer",
        b"",
    ];
    for bytes in malformed {
        let mut browser = world.browser();
        browser.headers.insert(AUTHORIZATION, HeaderValue::from_bytes(bytes).unwrap());
        let answer = browser.send(Method::POST, &path, &[], String::new()).await;
        answer.assert_refused(401, "invalid_client");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"standin\"");
    }
    job.vend(&user, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn tv_1_the_database_holds_no_key_that_works() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    assert_eq!(job.key.len(), 3 + 43, "256 bits in base64url");
    let bytes = world.database_bytes();
    assert!(!crate::support::contains(&bytes, job.key.as_bytes()));
    assert!(!crate::support::contains(&bytes, &job.key.as_bytes()[3..]));
    let hash: Vec<u8> = world.value("SELECT key_sha256 FROM clients");
    let stolen = format!("Bearer sk_{}", data_encoding::BASE64URL_NOPAD.encode(&hash));
    raw(&world, &user, &[("authorization", &stolen)], "")
        .await
        .assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn tv_10_a_revoked_key_is_worth_nothing_at_once() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let (job, other) = (world.job().await, world.job().await);
    job.vend(&user, json!({})).await.assert_status(200);

    let now = world.standin.clock().now();
    assert!(world.standin.store().revoke_client(job.id, now).await.unwrap());

    job.vend(&user, json!({})).await.assert_refused(401, "invalid_client");
    other.vend(&user, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn tv_14_nothing_of_a_browser_opens_the_jobs_door() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let path = format!("/v1/users/{user}/grants/google/token");
    let key = bearer(&job);

    let cookie_only = browser.send(Method::POST, &path, &[], String::new()).await;
    cookie_only.assert_refused(401, "invalid_client");
    for origin in [browser.origin().as_str(), "https://evil.example", "null", ""] {
        let headers = [("authorization", key.as_str()), ("origin", origin)];
        let answer = raw(&world, &user, &headers, "").await;
        answer.assert_refused(403, "cross_origin");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
    }
    for query in ["?", "?access_token=x", "?key=x", "?a=b"] {
        let headers = [("authorization", key.as_str())];
        let answer = world
            .browser()
            .send(Method::POST, &format!("{path}{query}"), &headers, String::new())
            .await;
        answer.assert_refused(400, "invalid_request");
    }
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = world.browser().send(Method::OPTIONS, &path, &preflight, String::new()).await;
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
    // With the key, cookies are simply not looked at.
    let answer = browser.send(Method::POST, &path, &[("authorization", &key)], String::new()).await;
    answer.assert_status(200);
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_like_any_other() {
    let world = World::start().await;
    let job = world.job().await;
    let answer = job.vend("%ff%fe", json!({})).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    answer.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_refused_with_its_place() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let key = bearer(&job);
    let send = async |kind: &str, body: &str| {
        let headers = [("authorization", key.as_str()), ("content-type", kind)];
        raw(&world, &user, &headers, body).await
    };
    let long_purpose = json!({ "purpose": "x".repeat(201) }).to_string();
    for (body, place) in [
        ("{", "line 1, column 1"),
        ("{\"scopes\":[\"a\"],\n \"min_ttl\":\"x\"}", "line 2"),
        (r#"{"min_ttl":-1}"#, "line 1"),
        (r#"{"min_ttl":1.5}"#, "line 1"),
        (r#"{"min_ttl":4294967296}"#, "line 1"),
        (r#"{"min_ttl":3001}"#, "min_ttl"),
        (r#"{"min_ttl":60,"min_ttl":60}"#, "line 1"),
        (r#"{"scope":"a"}"#, "scope"),
        (r#"{"user":"usr_x"}"#, "user"),
        (r#"{"scopes":"a"}"#, "line 1"),
        (r#"{"scopes":["a b"]}"#, "scope"),
        (r#"{"scopes":["\""]}"#, "scope"),
        (r#"{"scopes":[""]}"#, "scope"),
        (r#"{"stale_token_sha256":"abc"}"#, "stale_token_sha256"),
        (r#"{"stale_token_sha256":""}"#, "stale_token_sha256"),
        (&long_purpose, "purpose"),
        ("[]", "line 1"),
        ("null", "line 1"),
        ("\"\"", "line 1"),
        ("{} {}", "line 1"),
        ("\u{feff}{}", "line 1"),
    ] {
        let answer = send("application/json", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert_eq!(answer.code(), "invalid_request", "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(place), "{body}: {detail}");
    }
    let secret = send("application/json", r#"{"stale_token_sha256":"ya29.canary"}"#).await;
    assert!(!secret.body.contains("canary"));
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json"]
    {
        send(kind, "{}").await.assert_refused(415, "invalid_request");
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        send(kind, "{}").await.assert_status(200);
    }
    send("text/plain", "").await.assert_status(200);
}

#[tokio::test]
async fn a_body_without_end_is_a_problem_like_any_other() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let answer = job.vend(&user, json!({ "purpose": "x".repeat(3 << 20) })).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    answer.assert_refused(413, "too_large");
}

#[tokio::test]
async fn tv_8_a_client_that_guesses_keys_is_slowed_and_told_for_how_long() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let mut last = None;
    for guess in 0..61 {
        let key = format!("Bearer sk_{guess:043}");
        last = Some(raw(&world, &user, &[("authorization", &key)], "").await);
    }
    let last = last.unwrap();
    last.assert_refused(429, "rate_limited");
    assert_eq!(last.headers["retry-after"], "60");
    job.vend(&user, json!({})).await.assert_refused(429, "rate_limited");
}

#[tokio::test]
async fn only_post_is_answered() {
    let world = World::start().await;
    let job = world.job().await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = world
            .browser()
            .send(
                method,
                "/v1/users/usr_x/grants/google/token",
                &[("authorization", &bearer(&job))],
                String::new(),
            )
            .await;
        assert_eq!(answer.status, 405);
    }
}
