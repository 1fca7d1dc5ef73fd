//! One person with several accounts: linked by whoever is signed in, and by nothing else.

use http::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    ADA, Answer, Browser, CALENDAR, Caller, DRIVE, GRACE, Google, World, param, refused,
};

const PATH: &str = "/auth/google/link";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// Where the provider is asked, and the attempt.
async fn begin(browser: &mut Browser, provider: &str) -> (Url, String) {
    let path = format!("/auth/{provider}/link");
    let answer = browser.post(&path, json!({ "return_to": "/notes" })).await;
    answer.assert_status(200);
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (Url::parse(&text("authorization_url")).unwrap(), text("attempt"))
}

/// All of it, up to the answer of the callback.
async fn link(browser: &mut Browser, provider: &str) -> Answer {
    let (url, _) = begin(browser, provider).await;
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await
}

/// Ada, who has linked Grace's account.
async fn ada_with_two() -> (World, Browser, String) {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    world.google.allow(GRACE).await;
    link(&mut browser, "google").await.assert_status(303);
    (world, browser, user)
}

async fn emails(browser: &mut Browser) -> Vec<Value> {
    let session = browser.session().await.json();
    let identities = session["identities"].as_array().unwrap().iter();
    let mut emails: Vec<_> = identities.map(|identity| identity["email"].clone()).collect();
    emails.sort_by_key(ToString::to_string);
    emails
}

/// The provider's id of the account with this address.
async fn subject(browser: &mut Browser, email: &str) -> String {
    let session = browser.session().await.json();
    let mut identities = session["identities"].as_array().unwrap().iter();
    let found = identities.find(|identity| identity["email"] == email).unwrap();
    found["subject"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ar_11_whoever_is_signed_in_links_an_account_and_stays_who_they_are() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let before = browser.session().await.json();
    let cookie = browser.cookie("__Host-standin").unwrap().to_owned();
    world.google.allow(GRACE).await;

    let (url, attempt) = begin(&mut browser, "google").await;

    assert_eq!(param(&url, "prompt"), "select_account consent");
    assert_eq!(param(&url, "code_challenge_method"), "S256");
    assert!(!url.query_pairs().any(|(name, _)| name == "login_hint"));
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "pending" }));
    let callback = browser.answer_to(&url).await;
    let done = browser.get(&callback).await;

    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    let after = browser.session().await.json();
    assert_eq!(browser.cookie("__Host-standin").unwrap(), cookie);
    assert_eq!((&after["session"], &after["user"]), (&before["session"], &before["user"]));
    assert_eq!(emails(&mut browser).await, [ADA, GRACE]);
    let grants = after["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 2);
    assert!(grants.iter().all(|grant| grant["offline"] == true), "{grants:?}");
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "done", "offline": "came" }));
    assert_eq!(world.events_of("identity_linked"), 1);

    // From now on either account is they.
    let (mut with_grace, same) = world.signed_in(GRACE, "").await;
    assert_eq!(same, user);
    assert_eq!(emails(&mut with_grace).await, [ADA, GRACE]);
}

#[tokio::test]
async fn an_account_of_another_provider_is_linked_in_the_same_way() {
    let (world, other) = World::with_another().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    other.allow(ADA).await;
    link(&mut browser, "other").await.assert_status(303);
    let session = browser.session().await.json();
    let providers: Vec<_> = session["identities"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&providers[0]["provider"], &providers[1]["provider"]),
        (&json!("google"), &json!("other"))
    );
    let mut elsewhere = world.browser();
    let begun = elsewhere.get("/auth/other/login").await;
    elsewhere.follow(begun).await.assert_status(303);
    assert_eq!(elsewhere.session().await.json()["user"]["id"], user.as_str());
}

#[tokio::test]
async fn linking_what_is_linked_already_is_done_again_and_changes_nobody() {
    let (world, mut browser, user) = ada_with_two().await;
    let before = browser.session().await.json();
    for person in [GRACE, ADA] {
        world.google.allow(person).await;
        let done = link(&mut browser, "google").await;
        assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    }
    let after = browser.session().await.json();
    assert_eq!(after["user"]["id"], user.as_str());
    assert_eq!(after["identities"], before["identities"]);
    let ids = |session: &Value| {
        session["grants"].as_array().unwrap().iter().map(|g| g["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(world.events_of("identity_linked"), 1);
}

#[tokio::test]
async fn cb_14_an_account_that_another_user_has_stays_theirs() {
    let world = World::start().await;
    let (mut grace, graces) = world.signed_in(GRACE, "").await;
    let graces = Caller::new(&world, &world.job().await, &graces);
    let (mut ada, _) = world.signed_in(ADA, "").await;
    world.google.allow(GRACE).await;
    let hers = grace.session().await.json();
    let before = world.before(&mut ada).await;

    let answer = link(&mut ada, "google").await;

    let expected = refused(409, "identity_taken").known().after_exchange();
    world.assert_refusal(&mut ada, &before, &answer, expected).await;
    assert_eq!(grace.session().await.json(), hers);
    // What she gave goes on: it was not hers to lose by somebody else's choice.
    world.google.advance(7200).await;
    graces.token().await;
    assert_eq!(world.google.count("revoked").await, 0);
    world.assert_next_sign_in_works(&mut ada).await;
}

#[tokio::test]
async fn cb_14_what_a_taken_account_gave_is_revoked_where_its_owner_has_taken_it_back() {
    let world = World::start().await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    grace.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    let (mut ada, _) = world.signed_in(ADA, "").await;
    world.google.allow(GRACE).await;
    let answer = link(&mut ada, "google").await;
    answer.assert_refused(409, "identity_taken");
    assert_eq!(world.google.count("revoked").await, 2);
    assert_eq!(grace.session().await.json()["grants"][0]["state"], "revoked");
}

#[tokio::test]
async fn id_13_an_address_that_two_accounts_share_links_nothing() {
    for verified in [json!(true), json!("true")] {
        let (world, other) = World::with_another().await;
        // Somebody has registered the victim's address, long before the victim comes.
        let (mut early, squatter) = world.signed_in(GRACE, "").await;
        world.execute("UPDATE users SET email = ?1", [ADA]);
        world.execute("UPDATE identities SET email = ?1", [ADA]);
        assert_eq!(early.session().await.json()["user"]["email"], ADA);

        let (mut victim, ada) = world.signed_in(ADA, "").await;
        other.allow(GRACE).await;
        let claims = json!({ "times": 2, "claims": { "email": ADA, "email_verified": verified } });
        other.fault("token", "id_token_claims", claims).await;
        let mut elsewhere = world.browser();
        let begun = elsewhere.get("/auth/other/login").await;
        elsewhere.follow(begun).await.assert_status(303);

        let third = elsewhere.session().await.json();
        assert_eq!(third["user"]["email"], ADA);
        assert_eq!(third["user"]["email_verified"], verified == true);
        let users = [json!(squatter), json!(ada), third["user"]["id"].clone()];
        assert!(users[0] != users[1] && users[1] != users[2] && users[0] != users[2], "{users:?}");
        for browser in [&mut early, &mut victim, &mut elsewhere] {
            let session = browser.session().await.json();
            assert_eq!(session["identities"].as_array().unwrap().len(), 1);
        }
        assert_eq!(world.events_of("identity_linked"), 0);
    }
}

#[tokio::test]
async fn ar_4_linking_is_bound_to_the_user_and_the_session_that_asked() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let (url, _) = begin(&mut browser, "google").await;
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&url).await;

    // In a browser that did not ask.
    let (mut stranger, _) = world.signed_in("linus@corp.example", "").await;
    stranger.get(&callback).await.assert_refused(403, "attempt_missing");

    // Signed out meanwhile; then signed in as somebody else, in the browser that asked.
    let mut out = browser.clone();
    out.forget("__Host-standin");
    out.get(&callback).await.assert_refused(403, "session_mismatch");
    let (url, _) = begin(&mut browser, "google").await;
    let callback = browser.answer_to(&url).await;
    let (other, _) = world.signed_in("linus@corp.example", "").await;
    let before = browser.session().await.json();
    let own = browser.cookie("__Host-standin").unwrap().to_owned();
    browser.set_cookie("__Host-standin", other.cookie("__Host-standin").unwrap());
    browser.get(&callback).await.assert_refused(403, "session_mismatch");
    browser.set_cookie("__Host-standin", &own);
    assert_eq!(browser.session().await.json(), before);
    assert_eq!(world.google.count("code_redeemed").await, 3, "none of these codes was spent");
}

#[tokio::test]
async fn ar_11_linking_begins_with_a_post_of_a_live_session_only() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    browser.get(PATH).await.assert_status(405);
    world.browser().post(PATH, json!({})).await.assert_refused(401, "unauthenticated");
    browser.post("/auth/nobody/link", json!({})).await.assert_refused(404, "unknown_provider");
    let unlisted = json!({ "scopes": ["https://www.googleapis.com/auth/contacts"] });
    browser.post(PATH, unlisted).await.assert_refused(400, "scope_not_allowed");
    for wrong in
        [json!({ "intent": "x" }), json!({ "user": "usr_x" }), json!([]), json!({ "scopes": "x" })]
    {
        browser.post(PATH, wrong).await.assert_refused(400, "invalid_request");
    }
    assert_eq!(browser.attempts(), []);
    // A link in a mail cannot say whose account it is to be: that begins a sign-in.
    let query = "?link=1&user=usr_x";
    browser.get(format!("/auth/google/login{query}")).await.assert_refused(400, "invalid_request");
}

#[tokio::test]
async fn sc_12_a_form_of_ours_is_sent_to_the_provider_with_what_it_asks_for() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let origin = browser.origin();
    let headers = [FORM, ("origin", origin.as_str()), OWN, ("sec-fetch-dest", "document")];
    let body = format!("scopes={DRIVE}&return_to=/notes&login_hint={GRACE}");
    let begun = browser.send(Method::POST, PATH, &headers, body).await;
    begun.assert_status(303);
    let asked = begun.location();
    assert_eq!(
        (param(&asked, "login_hint"), param(&asked, "prompt")),
        (GRACE.into(), "consent".into())
    );
    assert_eq!(
        param(&asked, "scope"),
        format!("{DRIVE} email openid profile")
            .replace(&format!("{DRIVE} email"), &format!("email {DRIVE}"))
    );
}

#[tokio::test]
async fn linking_an_account_moves_no_job_to_it_and_each_is_had_by_its_name() {
    let (world, mut browser, user) = ada_with_two().await;
    let job = world.job().await;
    let (adas, graces) = (subject(&mut browser, ADA).await, subject(&mut browser, GRACE).await);
    let owner = async |caller: &str| {
        let token = Caller::new(&world, &job, caller).token().await;
        let url = format!("{}/oauth2/v3/tokeninfo?access_token={token}", world.google.origin());
        world.browser().get(url).await.json()["sub"].as_str().unwrap().to_owned()
    };
    for _ in 0..2 {
        assert_eq!(owner(&format!("google:{graces}")).await, graces);
        assert_eq!(owner(&user).await, adas);
        assert_eq!(owner(&format!("google:{adas}")).await, adas);
        // Each is refreshed once, the linked one last, and again each is who they were.
        world.google.advance(7200).await;
    }
    // Hers opens what she gave.
    let calendar = json!({ "scopes": [CALENDAR] });
    let of_grace = Caller::new(&world, &job, &format!("google:{graces}"));
    of_grace.ask(calendar.clone()).await.assert_refused(403, "insufficient_scope");
    Caller::new(&world, &job, &user).ask(calendar).await.assert_status(200);
}

#[tokio::test]
async fn scopes_are_added_to_the_account_that_is_named() {
    let (world, mut browser, _) = ada_with_two().await;
    let graces = subject(&mut browser, GRACE).await;
    let ask = json!({ "scopes": [DRIVE], "subject": graces });
    let answer = browser.post("/auth/google/grant", ask).await;
    answer.assert_status(200);
    let url = Url::parse(answer.json()["authorization_url"].as_str().unwrap()).unwrap();
    assert_eq!(param(&url, "login_hint"), graces);
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await.assert_status(303);
    let session = browser.session().await.json();
    for grant in session["grants"].as_array().unwrap() {
        let has = grant["scopes"].as_array().unwrap().contains(&json!(DRIVE));
        assert_eq!(has, grant["subject"] == graces.as_str(), "{grant}");
        assert_eq!(grant["missing_scopes"], json!([]));
    }
    assert_eq!(world.value::<String>("SELECT email FROM users"), ADA, "a grant is no sign-in");
    let stranger = json!({ "scopes": [DRIVE], "subject": "1" });
    let answer = browser.post("/auth/google/grant", stranger).await;
    answer.assert_refused(404, "identity_unknown");
}

#[tokio::test]
async fn disconnecting_takes_back_one_account_or_all_of_them() {
    let (world, mut browser, user) = ada_with_two().await;
    let job = world.job().await;
    let graces = subject(&mut browser, GRACE).await;
    let (by_user, by_name) =
        (Caller::new(&world, &job, &user), Caller::new(&world, &job, &format!("google:{graces}")));
    let named = |subject: &str| json!({ "subject": subject });
    browser.post("/auth/google/disconnect", named("1")).await.assert_refused(404, "no_grant");
    browser.post("/auth/google/disconnect", named(&graces)).await.assert_status(200);
    by_name.ask(json!({})).await.assert_refused(404, "no_grant");
    by_user.token().await;
    assert_eq!(world.google.count("revoked").await, 1);

    let reconnect = json!({ "scopes": ["openid"], "subject": graces });
    let answer = browser.post("/auth/google/grant", reconnect).await;
    let url = Url::parse(answer.json()["authorization_url"].as_str().unwrap()).unwrap();
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await.assert_status(303);
    by_name.token().await;

    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    for caller in [by_user, by_name] {
        caller.ask(json!({})).await.assert_refused(404, "no_grant");
    }
    assert_eq!(world.google.count("revoked").await, 3);
    browser.post("/auth/google/disconnect", json!({})).await.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn where_the_first_account_is_taken_back_the_other_takes_its_place_and_where_it_died_none_does()
 {
    let (world, mut browser, user) = ada_with_two().await;
    let caller = Caller::new(&world, &world.job().await, &user);
    world.google.control("POST", &format!("users/{ADA}/revoke"), Value::Null).await;
    world.google.advance(7200).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    let adas = subject(&mut browser, ADA).await;
    let body = json!({ "subject": adas });
    browser.post("/auth/google/disconnect", body).await.assert_status(200);
    caller.token().await;
}

#[tokio::test]
async fn a_user_who_is_deleted_while_they_link_is_not_made_again() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    world.google.allow(GRACE).await;
    let (url, _) = begin(&mut browser, "google").await;
    let callback = browser.answer_to(&url).await;
    hold(&world.google).await;
    let mut same = browser.clone();
    let coming = tokio::join!(async { same.get(&callback).await }, async {
        world.google.happened("fault_used", 1).await;
        world.standin.revocations().delete_user(user.parse().unwrap(), None).await.unwrap();
        world.google.control("POST", "faults/release", Value::Null).await;
    });
    coming.0.assert_refused(403, "session_mismatch");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM grants"), 0);
    // What Grace gave is given back.
    assert_eq!(world.google.count("revoked").await, 2);
}

/// The next token is not given before somebody lets go.
async fn hold(google: &Google) {
    google.fault("token", "delay", json!({ "delay_ms": 0, "held": true })).await;
}
