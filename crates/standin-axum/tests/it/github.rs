//! Signing in with GitHub, and acting for people there while they are away.

use http::Method;
use serde_json::{Value, json};
use standin::provider::{ProviderKind, ProviderProfile};
use standin::vend::Policy;
use url::Url;

use crate::support::{
    ADA, Answer, App, Browser, GitHub, Job, World, http_client, param, refused, with,
};

const HOUR: u64 = 3600;

/// A world whose providers are Google and this GitHub.
async fn world(app: App, scopes: &str) -> (World, GitHub) {
    let github = GitHub::start(app).await;
    let config = github.config(scopes, "repo gist");
    let world = World::among(http_client(), |providers| providers.push(config)).await;
    github.register(world.url("/auth/github/callback").as_str());
    (world, github)
}

async fn oauth() -> (World, GitHub) {
    world(App::OAuth, "read:user user:email").await
}

/// The callback of somebody who says yes.
async fn callback(browser: &mut Browser, query: &str) -> Url {
    let begun = browser.get(format!("/auth/github/login{query}")).await;
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

async fn vend(world: &World, job: &Job, user: &str, body: Value) -> Answer {
    let path = format!("/v1/users/{user}/grants/github/token");
    let bearer = format!("Bearer {}", job.key);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    world.browser().send(Method::POST, &path, &headers, body.to_string()).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

#[tokio::test]
async fn a_token_that_does_not_end_is_the_offline_access() {
    let (world, github) = oauth().await;
    let (_, session) = sign_in(&world, "?scope=repo").await;
    let identity = &session["identities"][0];
    assert_eq!((&identity["provider"], &identity["subject"]), (&json!("github"), &json!("583231")));
    assert_eq!(session["user"]["email"], "octocat@github.example");
    assert_eq!(session["user"]["email_verified"], true);
    assert_eq!(session["user"]["name"], "The Octocat");
    let grant = &session["grants"][0];
    assert_eq!((&grant["offline"], &grant["missing_scopes"]), (&json!(true), &json!([])));
    assert_eq!(world.value::<String>("SELECT offline FROM receipts"), "lasting");

    let (job, user) = (world.job().await, text(&session["user"]["id"]));
    let first = vend(&world, &job, &user, json!({ "scopes": ["public_repo"] })).await;
    first.assert_status(200);
    // A year later it is the same, and nobody has been asked for another.
    world.google.advance(365 * 24 * HOUR).await;
    let second = vend(&world, &job, &user, json!({ "min_ttl": 3000 })).await;
    second.assert_status(200);
    assert_eq!(first.json()["access_token"], second.json()["access_token"]);
    // A token without an end is handed out for an hour, of which some may have gone by.
    let left = second.json()["expires_in"].as_u64().unwrap();
    assert!((HOUR - 60..=HOUR).contains(&left), "{left}");
    assert!(github.is_live(&text(&second.json()["access_token"])));
    assert_eq!(github.calls("POST /login/oauth/access_token"), 1);
}

#[tokio::test]
async fn id_12_a_login_that_changes_hands_is_another_person() {
    let (world, github) = oauth().await;
    let (_, first) = sign_in(&world, "").await;
    github.set_person("login", json!("hubot"));
    let (_, renamed) = sign_in(&world, "").await;
    assert_eq!(first["user"]["id"], renamed["user"]["id"]);
    github.set_person("id", json!(1));
    github.set_person("login", json!("octocat"));
    let (_, other) = sign_in(&world, "").await;
    assert_ne!(first["user"]["id"], other["user"]["id"]);
}

#[tokio::test]
async fn an_expiring_token_is_refreshed_and_the_old_one_dies() {
    let (world, github) = world(App::GitHub, "").await;
    let (_, session) = sign_in(&world, "").await;
    assert_eq!(session["grants"][0]["offline"], true);
    let (job, user) = (world.job().await, text(&session["user"]["id"]));
    let mut before = text(&vend(&world, &job, &user, json!({})).await.json()["access_token"]);
    for _ in 0..3 {
        world.google.advance(8 * HOUR).await;
        let answer = vend(&world, &job, &user, json!({})).await;
        answer.assert_status(200);
        let token = text(&answer.json()["access_token"]);
        assert!(github.is_live(&token) && !github.is_live(&before));
        before = token;
    }
    // GitHub says how long a refresh token that is not used goes on.
    world.google.advance(185 * 24 * HOUR).await;
    github.remove_application();
    let answer = vend(&world, &job, &user, json!({})).await;
    answer.assert_refused(409, "reauth_required");
    assert_eq!(answer.json()["reason"], "expired_idle");
}

#[tokio::test]
async fn a_user_who_removes_the_application_is_found_out_when_an_api_refuses() {
    let (world, github) = oauth().await;
    let (_, session) = sign_in(&world, "?scope=repo").await;
    let (job, user) = (world.job().await, text(&session["user"]["id"]));
    let token = text(&vend(&world, &job, &user, json!({})).await.json()["access_token"]);
    let hash = data_encoding::HEXLOWER.encode(&standin::secret::sha256(token.as_bytes()));
    let stale = json!({ "stale_token_sha256": hash });
    // An API that had another reason: the token lives, so there is nothing to mend, and it is not asked at once again.
    vend(&world, &job, &user, stale.clone()).await.assert_refused(503, "provider_unavailable");
    vend(&world, &job, &user, stale.clone()).await.assert_refused(503, "provider_unavailable");
    assert_eq!(github.calls("POST /api/v3/applications/"), 1);

    github.remove_application();
    world.google.advance(60).await;
    let answer = vend(&world, &job, &user, stale).await;
    answer.assert_refused(409, "reauth_required");
    assert_eq!(answer.json()["reason"], "revoked");
    // The link asks for what there was, and names nobody: a number could be somebody else's login.
    let link = Url::parse(&text(&answer.json()["reconnect_url"])).unwrap();
    assert_eq!(param(&link, "scope"), "repo");
    let begun = world.browser().get(&link).await;
    assert!(begun.location().query_pairs().all(|(name, _)| name != "login"));
    sign_in(&world, "?scope=repo").await;
    vend(&world, &job, &user, json!({ "scopes": ["repo"] })).await.assert_status(200);
}

#[tokio::test]
async fn a_sign_in_that_opens_less_keeps_the_token_that_opens_more_while_it_lives() {
    let (world, github) = oauth().await;
    let (_, session) = sign_in(&world, "?scope=repo").await;
    let (job, user) = (world.job().await, text(&session["user"]["id"]));
    let token = text(&vend(&world, &job, &user, json!({})).await.json()["access_token"]);
    sign_in(&world, "").await;
    let again = vend(&world, &job, &user, json!({ "scopes": ["repo"] })).await;
    assert_eq!(text(&again.json()["access_token"]), token);

    github.remove_application();
    let (_, session) = sign_in(&world, "").await;
    assert_eq!(session["grants"][0]["state"], "active");
    let less = vend(&world, &job, &user, json!({ "scopes": ["repo"] })).await;
    less.assert_refused(403, "insufficient_scope");
    let token = text(&vend(&world, &job, &user, json!({})).await.json()["access_token"]);
    assert!(github.is_live(&token));
}

#[tokio::test]
async fn disconnecting_ends_the_grant_at_github_even_if_only_a_refresh_token_lives() {
    for app in [App::OAuth, App::GitHub] {
        let (world, github) = world(app, "").await;
        let (mut browser, session) = sign_in(&world, "").await;
        let (job, user) = (world.job().await, text(&session["user"]["id"]));
        let token = text(&vend(&world, &job, &user, json!({})).await.json()["access_token"]);
        world.google.advance(9 * HOUR).await;
        let answer = browser.post("/auth/github/disconnect", json!({})).await;
        assert_eq!(answer.json()["revoked"], "confirmed", "{}", answer.body);
        assert!(!github.is_live(&token));
        assert_eq!(github.calls("DELETE /api/v3/applications/"), 1);
        vend(&world, &job, &user, json!({})).await.assert_refused(404, "no_grant");
    }
}

#[tokio::test]
async fn a_revocation_that_has_spent_the_refresh_token_goes_on_with_the_new_one() {
    let (world, github) = world(App::GitHub, "").await;
    let (mut browser, _) = sign_in(&world, "").await;
    world.google.advance(9 * HOUR).await;
    github.answers("/grant", 502, "");
    let answer = browser.post("/auth/github/disconnect", json!({})).await;
    assert_eq!(answer.json()["revoked"], "queued");
    world.google.advance(HOUR).await;
    assert_eq!(world.standin.revocations().sweep().await.unwrap(), 1);
    assert_eq!(github.calls("DELETE /api/v3/applications/"), 2);
    assert_eq!(github.calls("POST /login/oauth/access_token"), 3, "one exchange, two refreshes");
}

#[tokio::test]
async fn a_client_that_may_have_less_than_all_gets_nothing() {
    let (world, _github) = oauth().await;
    let (_, session) = sign_in(&world, "?scope=repo").await;
    let policy = Policy(vec!["github:repo".parse().unwrap()]);
    let job = world.job_with(policy).await;
    let user = text(&session["user"]["id"]);
    vend(&world, &job, &user, json!({})).await.assert_refused(403, "cannot_narrow");
}

#[tokio::test]
async fn each_answer_that_is_not_what_it_should_be_is_refused_with_its_code() {
    let (world, github) = oauth().await;
    let mut browser = world.browser();
    let error = |word: &str| json!({ "error": word }).to_string();
    let (token, user) = ("/access_token", "/user");
    for (path, status, body, expected, code) in [
        (token, 200, error("bad_verification_code"), 400, "code_refused"),
        (token, 200, error("incorrect_client_credentials"), 502, "provider_refuses_client"),
        (token, 200, error("redirect_uri_mismatch"), 502, "provider_refuses_client"),
        (token, 200, error("unverified_user_email"), 502, "provider_misbehaved"),
        (token, 404, error("Not Found"), 502, "provider_refuses_client"),
        (token, 200, "access_token=gho_1&token_type=bearer".into(), 502, "provider_misbehaved"),
        (token, 503, String::new(), 503, "provider_unavailable"),
        (user, 200, "[]".into(), 502, "account_malformed"),
        (user, 200, "<html>".into(), 502, "account_malformed"),
        (user, 200, r#"{"login":"octocat"}"#.into(), 502, "account_id_invalid"),
        (user, 200, r#"{"login":"octocat","id":"583231"}"#.into(), 502, "account_id_invalid"),
        (user, 200, r#"{"login":"octocat","id":1,"id":2}"#.into(), 502, "account_malformed"),
        (user, 302, String::new(), 502, "account_malformed"),
        (user, 401, r#"{"message":"Bad credentials"}"#.into(), 502, "account_token_refused"),
        (user, 403, r#"{"message":"rate limit"}"#.into(), 503, "provider_unavailable"),
        (user, 500, String::new(), 503, "provider_unavailable"),
    ] {
        let callback = callback(&mut browser, "").await;
        github.answers(path, status, body.clone());
        let answer = browser.get(&callback).await;
        answer.assert_status(expected);
        assert_eq!(answer.code(), code, "{path} {status} {body}");
        browser.session().await.assert_status(401);
    }
    // Addresses that cannot be had take nothing away.
    for (status, body) in [(403, "{}"), (404, "{}"), (200, "{}"), (200, "[1]"), (500, "")] {
        github.answers("/user/emails", status, body);
        let (_, session) = sign_in(&world, "").await;
        assert_eq!(session["user"]["name"], "The Octocat");
    }
}

#[tokio::test]
async fn cb_5_an_issuer_in_the_answer_is_githubs_own() {
    let (world, github) = oauth().await;
    github.names_itself(&github.issuer());
    sign_in(&world, "").await;
    for wrong in
        [github.origin.clone(), format!("{}/", github.issuer()), world.google.origin().into()]
    {
        github.names_itself(&wrong);
        let mut browser = world.browser();
        let callback = callback(&mut browser, "").await;
        let answer = browser.get(&callback).await;
        answer.assert_refused(400, "issuer_mismatch");
    }
    assert_eq!(github.calls("POST /login/oauth/access_token"), 1);
}

#[tokio::test]
async fn cb_4_an_answer_of_any_provider_works_at_no_other() {
    let (google, github) = (World::start().await, GitHub::start(App::OAuth).await);
    let config = github.config("read:user", "");
    let world = World::among(http_client(), |providers| {
        let oidc = standin::provider::ProviderConfig {
            id: "oidc".parse().unwrap(),
            kind: ProviderKind::Oidc(ProviderProfile::default()),
            issuer: google.google.origin().to_owned(),
            ..providers[0].clone()
        };
        providers.extend([config, oidc]);
    })
    .await;
    github.register(world.url("/auth/github/callback").as_str());
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mut callbacks = Vec::new();
    for provider in ["google", "github"] {
        let begun = browser.get(format!("/auth/{provider}/login")).await;
        callbacks.push((provider, browser.answer_to(&begun.location()).await));
    }
    for (own, callback) in &callbacks {
        for other in ["google", "github", "oidc"].into_iter().filter(|other| other != own) {
            let mut crossed = callback.clone();
            crossed.set_path(&format!("/auth/{other}/callback"));
            let code = param(&callbacks[0].1, "code");
            for crossed in [crossed.clone(), with(&crossed, "code", &code)] {
                let before = world.before(&mut browser).await;
                let answer = browser.get(&crossed).await;
                let expected = refused(400, "provider_mismatch").known();
                world.assert_refusal(&mut browser, &before, &answer, expected).await;
            }
        }
    }
    assert_eq!(github.calls("POST /login/oauth/access_token"), 0);
    assert_eq!((world.google.token_calls().await, google.google.token_calls().await), (0, 0));
    for (_, callback) in &callbacks {
        browser.get(callback).await.assert_status(303);
    }
}
