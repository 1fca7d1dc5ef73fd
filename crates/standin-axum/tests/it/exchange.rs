//! The code goes out once, and what comes back is believed only if it has exactly the right shape.

use serde_json::{Value, json};

use crate::support::{ADA, Answer, Browser, CALENDAR, World, refused};

/// A sign-in during which the token endpoint does this; it would do it again if it were asked again.
async fn sign_in_while(
    world: &World,
    browser: &mut Browser,
    fault: &str,
    mut more: Value,
) -> Answer {
    world.google.control("DELETE", "faults", Value::Null).await;
    more["times"] = json!(3);
    world.google.fault("token", fault, more).await;
    browser.sign_in("").await
}

#[tokio::test]
async fn cb_9_a_code_is_never_sent_twice() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (fault, more, status, code) in [
        ("drop_before", json!({}), 503, "provider_unavailable"),
        ("drop_after", json!({}), 503, "provider_unavailable"),
        ("status", json!({ "status": 500 }), 503, "provider_unavailable"),
        ("status", json!({ "status": 503, "retry_after": 7 }), 503, "provider_unavailable"),
        ("status", json!({ "status": 429, "retry_after": 7 }), 503, "provider_unavailable"),
        ("status", json!({ "status": 408 }), 502, "provider_misbehaved"),
        ("status", json!({ "status": 307, "body": "" }), 502, "provider_misbehaved"),
        ("status", json!({ "status": 204 }), 502, "provider_misbehaved"),
        ("status", json!({ "status": 400, "body": "<html>" }), 502, "provider_misbehaved"),
        ("status", json!({ "status": 404, "body": "" }), 502, "provider_misbehaved"),
    ] {
        let before = world.before(&mut browser).await;
        let retry_after = more["retry_after"].clone();
        let answer = sign_in_while(&world, &mut browser, fault, more).await;
        let expected = refused(status, code).after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        if status == 503 {
            let told = answer.headers["retry-after"].to_str().unwrap();
            assert!(
                retry_after.is_null() || retry_after == json!(told.parse::<u64>().unwrap()),
                "{told}"
            );
        }
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_9_a_refusal_of_the_token_endpoint_has_its_own_code() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let error = |word: &str| json!({ "status": 400, "body": { "error": word } });
    for (fault, more, status, code) in [
        ("invalid_grant", json!({}), 400, "code_refused"),
        ("invalid_client", json!({}), 502, "provider_refuses_client"),
        ("status", error("unauthorized_client"), 502, "provider_refuses_client"),
        ("status", error("invalid_scope"), 502, "provider_misbehaved"),
        ("status", error("<script>alert(1)</script>"), 502, "provider_misbehaved"),
        ("status", error("temporarily_unavailable"), 503, "provider_unavailable"),
        ("status", error("slow_down"), 503, "provider_unavailable"),
    ] {
        let before = world.before(&mut browser).await;
        let answer = sign_in_while(&world, &mut browser, fault, more).await;
        let expected = refused(status, code).after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_9_after_a_failed_exchange_the_page_offers_to_start_again() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    world.google.fault("token", "drop_after", json!({})).await;
    let callback = browser.callback_url("").await;
    browser.accept_html();
    let page = browser.get(&callback).await;
    page.assert_status(503);
    assert!(page.body.contains("href=\"/auth/google/login\""));
    let again = browser.get(&callback).await;
    again.assert_status(409);
    assert_eq!(again.any_code(), "attempt_used");
    assert_eq!(world.google.token_calls().await, 1);
}

#[tokio::test]
async fn cb_11_an_answer_with_a_wrong_member_is_not_used() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for fields in [
        json!({ "access_token": null }),
        json!({ "access_token": "" }),
        json!({ "access_token": 5 }),
        json!({ "access_token": ["a"] }),
        json!({ "token_type": null }),
        json!({ "token_type": "" }),
        json!({ "token_type": "mac" }),
        json!({ "token_type": 5 }),
        json!({ "expires_in": "x" }),
        json!({ "expires_in": "3599" }),
        json!({ "expires_in": -1 }),
        json!({ "expires_in": 1e99 }),
        json!({ "expires_in": 3599.5 }),
        json!({ "expires_in": [] }),
        json!({ "refresh_token": 5 }),
        json!({ "refresh_token": {} }),
        json!({ "refresh_token_expires_in": "soon" }),
        json!({ "scope": "openid \"quoted\"" }),
        json!({ "scope": ["openid"] }),
        json!({ "id_token": null }),
        json!({ "id_token": 5 }),
        json!({ "padding": "x".repeat(256 * 1024) }),
    ] {
        let before = world.before(&mut browser).await;
        let more = json!({ "fields": fields });
        let answer = sign_in_while(&world, &mut browser, "token_response", more).await;
        let expected = refused(502, "provider_misbehaved").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_11_an_answer_that_is_no_object_is_not_used() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let members = r#""token_type":"Bearer","id_token":"a.b.c""#;
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"access_token\"".to_owned(),
        "<html><script>alert(1)</script></html>".to_owned(),
        format!("[\"access_token\",\"a\",{{{members}}}]"),
        format!("[{{\"access_token\":\"a\",{members}}}]"),
        format!("{{\"access_token\":\"a\",{members}"),
        format!("{{\"access_token\":\"a\",{members}}}}}"),
        format!("{{\"access_token\":\"a\",{members}}}{{}}"),
        format!("{{\"access_token\":\"a\",\"access_token\":\"a\",{members}}}"),
        format!("{{\"access_token\":\"a\",{members},\"id_token\":\"d.e.f\"}}"),
        format!("{{\"access_token\":\"a\",{members},\"expires_in\":NaN}}"),
        format!("{{\"access_token\":\"a\",{members},\"expires_in\":1e400}}"),
        format!("{{access_token:\"a\",{members}}}"),
        format!("{{'access_token':'a',{members}}}"),
        format!("\u{feff}{{\"access_token\":\"a\",{members}}}"),
        "access_token=a&token_type=Bearer&id_token=a.b.c".to_owned(),
        "{".repeat(100_000),
        "[".repeat(100_000),
    ] {
        let before = world.before(&mut browser).await;
        let answer =
            sign_in_while(&world, &mut browser, "malformed", json!({ "body": body })).await;
        let expected = refused(502, "provider_misbehaved").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_11_what_rfc_6749_allows_is_accepted() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    for fields in [
        json!({ "token_type": "bearer" }),
        json!({ "token_type": "BEARER" }),
        json!({ "expires_in": null }),
        json!({ "expires_in": 0 }),
        json!({ "expires_in": u64::MAX }),
        json!({ "refresh_token": "" }),
        json!({ "something_new": { "nobody": ["knows"] } }),
    ] {
        let mut browser = world.browser();
        let more = json!({ "fields": fields });
        world.google.fault("token", "token_response", more).await;
        browser.sign_in("").await.assert_status(303);
        browser.session().await.assert_status(200);
    }
}

#[tokio::test]
async fn cb_10_no_token_of_an_answer_that_failed_is_kept() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    let grants = world.standin.store().grants(None, 10).await.unwrap();
    for (fault, code) in [
        ("wrong_nonce", "id_token_nonce_mismatch"),
        ("wrong_aud", "id_token_audience_mismatch"),
        ("bad_signature", "id_token_signature_invalid"),
    ] {
        let before = world.before(&mut browser).await;
        world.google.control("POST", &format!("users/{ADA}/revoke"), Value::Null).await;
        world.google.fault("token", fault, json!({})).await;
        let answer = browser.sign_in("").await;
        let expected = refused(403, code).after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    let now = world.standin.store().grants_of(user.parse().unwrap()).await.unwrap();
    assert_eq!(now, grants);
}

#[tokio::test]
async fn a_key_outage_at_a_first_sign_in_refuses_it_and_heals() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (fault, more) in [
        ("status", json!({ "status": 500 })),
        ("drop_before", json!({})),
        ("malformed", json!({})),
        ("malformed", json!({ "body": { "keys": [] } })),
        ("status", json!({ "status": 302 })),
    ] {
        world.google.fault("jwks", fault, more).await;
        let before = world.before(&mut browser).await;
        let answer = browser.sign_in("").await;
        let expected = refused(503, "provider_unavailable").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        world.google.advance(61).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn id_17_the_last_good_keys_outlive_an_outage() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    world.google.advance(2 * 24 * 3600).await;
    world.google.fault("jwks", "status", json!({ "status": 500, "times": 9 })).await;
    world.google.fault("discovery", "drop_before", json!({ "times": 9 })).await;
    world.assert_next_sign_in_works_in(&mut browser).await;
    let outages = |event: &Value| event["kind"] == "fault_used" && event["endpoint"] == "jwks";
    assert!(world.google.ledger().await.iter().any(outages), "nobody asked for the keys");
}

#[tokio::test]
async fn id_17_a_new_key_of_the_provider_is_accepted_at_once() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for _ in 0..4 {
        browser.sign_in("").await.assert_status(303);
        browser.session().await.assert_status(200);
        world.google.control("POST", "keys/rotate", Value::Null).await;
        world.google.advance(61).await;
    }
    browser.sign_in("").await.assert_status(303);
}

#[tokio::test]
async fn id_17_invented_keys_keep_a_new_one_out_for_a_minute_at_most() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    for _ in 0..5 {
        let before = world.before(&mut browser).await;
        world.google.fault("token", "unknown_kid", json!({})).await;
        let answer = browser.sign_in("").await;
        let expected = refused(403, "id_token_unknown_key").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.google.control("POST", "keys/rotate", Value::Null).await;
    world.google.advance(61).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn id_22_a_discovery_document_that_cannot_be_believed_begins_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (fault, more) in [
        ("status", json!({ "status": 500 })),
        ("status", json!({ "status": 302 })),
        ("drop_after", json!({})),
        ("malformed", json!({})),
        ("malformed", json!({ "body": "{}" })),
        ("wrong_iss", json!({})),
    ] {
        world.google.fault("discovery", fault, more).await;
        let before = world.before(&mut browser).await;
        let answer = browser.get("/auth/google/login").await;
        let expected = refused(503, "provider_unavailable");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        assert_eq!(browser.attempts(), []);
        world.google.advance(61).await;
    }
    assert_eq!(world.google.count("authorization").await, 0);
    world.assert_next_sign_in_works(&mut browser).await;
}
