//! Signing in with Microsoft Entra ID: one provider that is many issuers.

use http::Method;
use serde_json::{Value, json};
use standin::AllowList;
use standin::provider::ProviderConfig;
use url::Url;

use crate::support::{
    ADA, Answer, Browser, Entra, FABRIKAM, Job, TENANT, World, http_client, param, refused, with,
};

const HOUR: u64 = 3600;
const DISCOVERY: &str = ".well-known/openid-configuration";
const TOKEN: &str = "POST /";

/// A world whose providers are Google and this one.
async fn world(
    tenant: &str,
    allowed: Option<&[&str]>,
    change: impl FnOnce(&mut ProviderConfig),
) -> (World, Entra) {
    let entra = Entra::start().await;
    let mut config = entra.config(tenant, allowed);
    change(&mut config);
    let world = World::among(http_client(), |providers| providers.push(config)).await;
    entra.register(&world);
    (world, entra)
}

/// Many tenants, of which two may sign in.
async fn organizations() -> (World, Entra) {
    world("organizations", Some(&[TENANT, FABRIKAM]), |_| {}).await
}

async fn callback(browser: &mut Browser, query: &str) -> Url {
    let begun = browser.get(format!("/auth/entra/login{query}")).await;
    begun.assert_status(303);
    browser.answer_to(&begun.location()).await
}

async fn sign_in(world: &World, query: &str) -> (Browser, Value) {
    let mut browser = world.browser();
    let callback = callback(&mut browser, query).await;
    let answer = browser.get(&callback).await;
    answer.assert_status(303);
    assert_eq!(answer.location(), world.app, "there is no second leg");
    let session = browser.session().await.json();
    (browser, session)
}

/// Whoever answers now is turned away, and nothing is left of it.
async fn assert_refused(world: &World, code: &'static str) {
    let mut browser = world.browser();
    let callback = callback(&mut browser, "").await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    let status = answer.status.as_u16();
    assert_eq!((status, answer.code().as_str()), (403, code), "{}", answer.body);
    let expected = refused(403, code).known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

async fn vend(world: &World, job: &Job, user: &str) -> Answer {
    let path = format!("/v1/users/{user}/grants/entra/token");
    let bearer = format!("Bearer {}", job.key);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    world.browser().send(Method::POST, &path, &headers, "{}".to_owned()).await
}

fn user(session: &Value) -> String {
    session["user"]["id"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned()
}

#[tokio::test]
async fn one_tenant_signs_in_and_is_acted_for() {
    let (world, entra) = world(TENANT, None, |_| {}).await;
    let (_, session) = sign_in(&world, "").await;
    let identity = &session["identities"][0];
    assert_eq!(identity["subject"], "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ");
    assert_eq!(session["user"]["name"], "Abe Lincoln");
    let grant = &session["grants"][0];
    // What opens no API is not listed in the answer, and was not refused for that.
    assert_eq!((&grant["offline"], &grant["missing_scopes"]), (&json!(true), &json!([])));
    assert_eq!(grant["scopes"], json!(["email", "offline_access", "openid", "profile"]));
    vend(&world, &world.job().await, &user(&session)).await.assert_status(200);
    assert_eq!(entra.calls(&format!("GET /{TENANT}/v2.0/{DISCOVERY}")), 1);
    assert_eq!(entra.calls("userinfo"), 0);
}

#[tokio::test]
async fn id_5_an_account_of_an_allowed_tenant_has_the_issuer_of_that_tenant() {
    let (world, entra) = organizations().await;
    sign_in(&world, "").await;
    entra.set_person(&json!({ "tid": FABRIKAM }));
    sign_in(&world, "").await;
    let issuers: Vec<String> = [TENANT, FABRIKAM]
        .map(|tenant| format!("{}/{tenant}/v2.0", entra.origin))
        .into_iter()
        .collect();
    for issuer in issuers {
        let sql = format!("SELECT count(*) FROM identities WHERE issuer = '{issuer}'");
        assert_eq!(world.value::<i64>(&sql), 1);
    }
    assert_eq!(entra.calls(&format!("GET /organizations/v2.0/{DISCOVERY}")), 1);
}

#[tokio::test]
async fn id_5_an_account_of_another_tenant_is_turned_away() {
    let other = json!({ "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47" });
    for (tenant, allowed) in [(TENANT, None), ("organizations", Some(&[TENANT, FABRIKAM][..]))] {
        let (world, entra) = world(tenant, allowed, |_| {}).await;
        entra.set_person(&other);
        assert_refused(&world, "id_token_tenant_refused").await;
        entra.set_person(&json!({ "tid": TENANT }));
        sign_in(&world, "").await;
    }
}

#[tokio::test]
async fn id_5_tid_and_iss_name_one_tenant() {
    let (world, entra) = organizations().await;
    let issuer = |tenant: &str| format!("{}/{tenant}/v2.0", entra.origin);
    let mismatch = "id_token_issuer_mismatch";
    for (change, code) in [
        (json!({ "tid": FABRIKAM }), mismatch),
        (json!({ "iss": issuer(FABRIKAM) }), mismatch),
        (json!({ "iss": issuer("{tenantid}") }), mismatch),
        (json!({ "iss": issuer("organizations") }), mismatch),
        (json!({ "iss": format!("{}/", issuer(TENANT)) }), mismatch),
        (json!({ "iss": issuer(&TENANT.to_uppercase()) }), mismatch),
        (json!({ "iss": issuer(TENANT).replace("/v2.0", "/") }), mismatch),
        (json!({ "iss": null }), mismatch),
        (json!({ "tid": null }), "id_token_tenant_invalid"),
        (json!({ "tid": "" }), "id_token_tenant_invalid"),
        (json!({ "tid": [TENANT] }), "id_token_tenant_invalid"),
        (json!({ "tid": TENANT.to_uppercase() }), "id_token_tenant_invalid"),
        (json!({ "tid": "{tenantid}", "iss": issuer("{tenantid}") }), "id_token_tenant_invalid"),
    ] {
        entra.spoil(change);
        assert_refused(&world, code).await;
    }
    entra.spoil(json!({}));
    sign_in(&world, "").await;
}

#[tokio::test]
async fn id_5_a_key_of_another_tenant_signs_nothing() {
    let issuer = |entra: &Entra, tenant: &str| json!(format!("{}/{tenant}/v2.0", entra.origin));
    for other in [FABRIKAM, "organizations"] {
        let (world, entra) = organizations().await;
        entra.set_key_issuer(issuer(&entra, other));
        assert_refused(&world, "id_token_unknown_key").await;
    }
    for own in [json!(null), json!("{tenantid}"), json!(TENANT)] {
        let (world, entra) = organizations().await;
        let own = own.as_str().map_or(Value::Null, |tenant| issuer(&entra, tenant));
        entra.set_key_issuer(own);
        sign_in(&world, "").await;
    }
}

#[tokio::test]
async fn id_13_an_address_is_verified_only_by_xms_edov_and_only_by_true() {
    let allow = AllowList::new(&[], &["contoso.example"]).unwrap();
    let (world, entra) = world(TENANT, None, |entra| entra.allow = allow).await;
    for claims in [
        json!({}),
        json!({ "email_verified": true }),
        json!({ "xms_edov": false }),
        json!({ "xms_edov": "true" }),
        json!({ "xms_edov": "1" }),
        json!({ "xms_edov": 1 }),
        json!({ "xms_edov": false, "email_verified": true }),
    ] {
        entra.spoil(claims);
        assert_refused(&world, "sign_in_not_allowed").await;
    }
    entra.spoil(json!({ "xms_edov": true, "email_verified": false }));
    let (_, session) = sign_in(&world, "").await;
    assert_eq!(session["user"]["email"], "abe@contoso.example");
    assert_eq!(session["user"]["email_verified"], true);
}

#[tokio::test]
async fn id_12_one_subject_in_two_tenants_is_two_users() {
    let (world, entra) = organizations().await;
    let (_, first) = sign_in(&world, "").await;
    entra.set_person(&json!({ "tid": FABRIKAM, "email": "abe@fabrikam.example" }));
    let (mut browser, second) = sign_in(&world, "").await;
    assert_eq!(first["identities"][0]["subject"], second["identities"][0]["subject"]);
    assert_ne!(user(&first), user(&second));
    let job = world.job().await;
    let tokens = [&first, &second].map(user);
    let [first_token, second_token] =
        [vend(&world, &job, &tokens[0]).await, vend(&world, &job, &tokens[1]).await];
    assert_ne!(first_token.json()["access_token"], second_token.json()["access_token"]);
    // By the subject alone nobody is meant.
    let subject = first["identities"][0]["subject"].as_str().unwrap();
    let answer = vend(&world, &job, &format!("entra:{subject}")).await;
    answer.assert_refused(404, "no_grant");
    // Each comes back as who they were, also where scopes are added.
    let answer = browser.get("/auth/entra/login?scope=Calendars.Read").await;
    let callback = browser.answer_to(&answer.location()).await;
    browser.get(&callback).await.assert_status(303);
    assert_eq!(user(&browser.session().await.json()), user(&second));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 2);
}

#[tokio::test]
async fn a_refresh_keeps_the_newest_token_and_what_was_given() {
    let (world, entra) = organizations().await;
    let (mut browser, session) = sign_in(&world, "?scope=Calendars.Read").await;
    let (job, user) = (world.job().await, user(&session));
    for round in 1..=3 {
        let (_, newest) = entra.refresh_tokens();
        world.google.advance(2 * HOUR).await;
        vend(&world, &job, &user).await.assert_status(200);
        let (spent, _) = entra.refresh_tokens();
        assert_eq!((spent.len(), spent.last()), (round, Some(&newest)));
    }
    let grant = &browser.session().await.json()["grants"][0];
    assert_eq!((&grant["state"], &grant["missing_scopes"]), (&json!("active"), &json!([])));
    assert_eq!((world.events_of("scopes_narrowed"), world.events_of("scopes_removed")), (0, 0));
    // An ID token that is about somebody of another tenant: nothing of the answer counts.
    entra.set_person(&json!({ "tid": FABRIKAM }));
    world.google.advance(2 * HOUR).await;
    vend(&world, &job, &user).await.assert_status(502);
}

#[tokio::test]
async fn disconnecting_says_that_the_provider_cannot_be_told() {
    let (world, _entra) = organizations().await;
    let (mut browser, session) = sign_in(&world, "").await;
    let answer = browser.post("/auth/entra/disconnect", json!({})).await;
    assert_eq!(answer.json()["revoked"], "not_offered", "{}", answer.body);
    vend(&world, &world.job().await, &user(&session)).await.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn cb_4_an_answer_of_entra_works_at_google_no_more_than_the_reverse() {
    let (world, entra) = organizations().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mut callbacks = Vec::new();
    for provider in ["google", "entra"] {
        let begun = browser.get(format!("/auth/{provider}/login")).await;
        callbacks.push(browser.answer_to(&begun.location()).await);
    }
    for (index, other) in [(0, "entra"), (1, "google")] {
        let mut crossed = callbacks[index].clone();
        crossed.set_path(&format!("/auth/{other}/callback"));
        let theirs = with(&crossed, "code", &param(&callbacks[1 - index], "code"));
        for crossed in [crossed, theirs] {
            let before = world.before(&mut browser).await;
            let answer = browser.get(&crossed).await;
            let expected = refused(400, "provider_mismatch").known();
            world.assert_refusal(&mut browser, &before, &answer, expected).await;
        }
    }
    assert_eq!((entra.calls(TOKEN), world.google.token_calls().await), (0, 0));
    for callback in &callbacks {
        browser.get(callback).await.assert_status(303);
    }
}

#[tokio::test]
async fn cb_5_an_issuer_in_the_answer_is_that_of_a_tenant_which_may_sign_in() {
    let (world, entra) = organizations().await;
    let issuer = |tenant: &str| format!("{}/{tenant}/v2.0", entra.origin);
    let mut browser = world.browser();
    for wrong in [issuer("{tenantid}"), issuer("72f988bf-86f1-41af-91ab-2d7cd011db47")] {
        let callback = callback(&mut browser, "").await;
        let answer = browser.get(with(&callback, "iss", &wrong)).await;
        answer.assert_refused(400, "issuer_mismatch");
    }
    assert_eq!(entra.calls(TOKEN), 0);
    let callback = callback(&mut browser, "").await;
    browser.get(with(&callback, "iss", &issuer(TENANT))).await.assert_status(303);
}
