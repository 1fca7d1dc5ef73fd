//! The receipt of an attempt: it names the check that failed and the requirement behind it, says how it stands with
//! offline access, holds no secret, and does not grow without bound.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use standin::id::AttemptId;
use standin::provider::Scopes;
use standin::receipt::{Check, Offline, Step, conclusion};
use standin::secret::sha256;
use standin::store::{ReceiptFilter, ReceiptKind, ReceiptRow};
use url::Url;

use crate::support::{
    ADA, Answer, Browser, ButtonPage, CALENDAR, GRACE, World, adding, param, with, without,
};

/// What a receipt says at its end.
#[derive(Debug, PartialEq, Eq)]
struct Failed {
    check: String,
    requirement: String,
}

fn steps(row: &ReceiptRow) -> Vec<Step> {
    serde_json::from_str(&row.steps).unwrap()
}

/// The only check that failed, which is the last of all.
#[track_caller]
fn failed(row: &ReceiptRow) -> Failed {
    let steps = steps(row);
    let checks: Vec<&Check> = steps.iter().flat_map(|step| &step.checks).collect();
    let (last, before) = checks.split_last().unwrap_or_else(|| panic!("no check: {row:?}"));
    assert!(!last.passed && before.iter().all(|check| check.passed), "{row:?}");
    assert!(!steps.last().unwrap().checks.is_empty(), "a step after the failure: {row:?}");
    Failed { check: last.check.to_string(), requirement: last.requirement.to_string() }
}

impl World {
    async fn receipts(&self) -> Vec<ReceiptRow> {
        let all = ReceiptFilter { failed: false, provider: None, user: None, limit: 10_000 };
        self.standin.store().receipts(&all).await.unwrap()
    }

    /// The receipt that an answer names.
    #[track_caller]
    fn receipt_of(&self, answer: &Answer) -> impl Future<Output = ReceiptRow> {
        let attempt = answer.json()["attempt"].as_str().map(str::to_owned);
        let attempt = attempt.unwrap_or_else(|| panic!("no attempt: {}", answer.body));
        let id: AttemptId = attempt.parse().unwrap();
        async move { self.standin.store().receipt(id).await.unwrap().unwrap() }
    }

    /// Whatever stands in the receipts, none of these does, in no spelling and not as a hash; and no secret that
    /// the provider knows.
    async fn assert_receipts_tell_nothing(&self, secrets: &[String]) {
        let rows = self.receipts().await;
        assert!(!rows.is_empty());
        let text = format!("{rows:?}");
        for secret in secrets {
            assert!(secret.len() >= 8, "too short to be looked for");
            let hash = sha256(secret.as_bytes());
            for spelling in [
                secret.clone(),
                BASE64.encode(secret.as_bytes()),
                BASE64URL_NOPAD.encode(secret.as_bytes()),
                HEXLOWER.encode(secret.as_bytes()),
                HEXLOWER.encode(&hash),
                HEXLOWER.encode(&hash[..8]),
                BASE64URL_NOPAD.encode(&hash),
                BASE64URL_NOPAD.encode(&hash[..16]),
            ] {
                assert!(!text.contains(&spelling), "a secret is in a receipt: {text}");
            }
        }
        for wrong in ["ya29.", "eyJ", "1//0"] {
            assert!(!text.contains(wrong), "{wrong} is in a receipt: {text}");
        }
        let hashes = self.google.secret_hashes().await;
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./~+".contains(c);
        for word in text.split(|c: char| !is_part(c)).filter(|word| word.len() > 7) {
            assert!(!hashes.contains(&HEXLOWER.encode(&sha256(word.as_bytes()))), "{word}");
        }
    }
}

/// What must stay secret in an address.
fn secrets_of(url: &Url) -> Vec<String> {
    let is_secret = |name: &str| matches!(name, "code" | "state" | "nonce" | "code_challenge");
    let pairs = url.query_pairs().filter(|(name, value)| is_secret(name) && value.len() >= 8);
    pairs.map(|(_, value)| value.into_owned()).collect()
}

#[tokio::test]
async fn whatever_is_wrong_with_the_exchange_the_failed_check_says_it() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let claims = |claims: Value| json!({ "claims": claims });
    let cases = [
        ("wrong_iss", json!({}), "iss", "ID-5"),
        ("wrong_aud", json!({}), "aud", "ID-6"),
        ("wrong_nonce", json!({}), "nonce", "ID-8"),
        ("bad_signature", json!({}), "signature", "ID-1"),
        ("alg_none", json!({}), "alg", "ID-1"),
        ("expired", json!({}), "exp", "ID-7"),
        ("unknown_kid", json!({}), "key of that name", "ID-17"),
        ("malformed", json!({}), "form of the token answer", "CB-11"),
        ("invalid_grant", json!({}), "code is accepted", "CB-9"),
        ("status", json!({ "status": 500 }), "the provider answers", "CB-9"),
        ("status", json!({ "status": 429 }), "the provider answers", "CB-9"),
        ("drop_after", json!({}), "the provider answers", "CB-9"),
        ("id_token_claims", claims(json!({ "azp": "another" })), "azp", "ID-6"),
        ("id_token_claims", claims(json!({ "iat": 9_999_999_999_u64 })), "iat", "ID-7"),
        ("id_token_claims", claims(json!({ "nbf": 9_999_999_999_u64 })), "nbf", "ID-7"),
        ("id_token_claims", claims(json!({ "sub": "" })), "sub", "ID-9"),
        (
            "id_token_claims",
            claims(json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" })),
            "at_hash",
            "ID-10",
        ),
        (
            "id_token_claims",
            claims(json!({ "c_hash": "AAAAAAAAAAAAAAAAAAAAAA" })),
            "c_hash",
            "ID-10",
        ),
        (
            "id_token_claims",
            json!({ "header": { "typ": "at+jwt" } }),
            "type and extensions",
            "ID-3",
        ),
    ];
    let mut secrets = Vec::new();
    for (number, (fault, more, check, requirement)) in (10..).zip(cases) {
        let mut browser = world.browser_at(number);
        let asked = browser.begin("").await;
        let callback = browser.answer_to(&asked).await;
        secrets.extend([secrets_of(&asked), secrets_of(&callback)].concat());
        world.google.fault("token", fault, more.clone()).await;
        let answer = browser.get(&callback).await;
        world.google.control("DELETE", "faults", Value::Null).await;
        let row = world.receipt_of(&answer).await;
        let expected = Failed { check: check.to_owned(), requirement: requirement.to_owned() };
        assert_eq!(failed(&row), expected, "{fault} {more}");
        assert_eq!(row.kind, ReceiptKind::Failed);
        assert_eq!(row.code, Some(answer.code()));
        let words = conclusion(&row, &steps(&row)).join(" ");
        assert!(words.starts_with("Not signed in: ") && words.contains(requirement), "{words}");
    }
    world.assert_receipts_tell_nothing(&secrets).await;
}

/// An answer that is wrong in some way, and what its receipt must name.
struct Wrong {
    url: Url,
    check: &'static str,
    requirement: &'static str,
    kind: ReceiptKind,
}

fn wrong(url: Url, check: &'static str, requirement: &'static str, kind: ReceiptKind) -> Wrong {
    Wrong { url, check, requirement, kind }
}

#[tokio::test]
async fn whatever_is_wrong_with_the_answer_the_failed_check_says_it() {
    use ReceiptKind::{Failed as Over, Stray, TurnedAway};
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = browser.begin("").await;
    let callback = browser.answer_to(&asked).await;
    let long = "c".repeat(5_000);
    for case in [
        wrong(without(&callback, "state"), "state", "CB-1", Stray),
        wrong(adding(&callback, "code", "another"), "form of the answer", "AR-7", Stray),
        wrong(with(&callback, "code", &long), "size of the answer", "CB-15", Stray),
        wrong(adding(&callback, "error", "server_error"), "code or error", "CB-6", Stray),
        wrong(with(&callback, "state", "unknown"), "cookie of the attempt", "CB-2", Stray),
        wrong(
            with(&callback, "iss", "https://evil.example"),
            "issuer of the answer",
            "CB-5",
            TurnedAway,
        ),
        wrong(without(&callback, "code"), "code or error", "CB-6", Over),
    ] {
        let answer = browser.get(&case.url).await;
        let row = world.receipt_of(&answer).await;
        let expected =
            Failed { check: case.check.to_owned(), requirement: case.requirement.to_owned() };
        assert_eq!((failed(&row), row.kind), (expected, case.kind), "{}", case.url);
        assert_eq!(row.code, Some(answer.code()));
    }
    let secrets = [secrets_of(&asked), secrets_of(&callback), vec![long]].concat();
    world.assert_receipts_tell_nothing(&secrets).await;
}

#[tokio::test]
async fn time_way_decision_account_and_session_have_their_checks() {
    let world = World::start().await;
    let mut expected = Vec::new();
    let mut answers = Vec::new();

    world.google.deny(ADA).await;
    answers.push(world.browser().sign_in("").await);
    expected.push(("decision", "CB-6"));

    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    answers.push(browser.post_code(&param(&callback, "code"), &param(&callback, "state")).await);
    expected.push(("way it came", "CB-7"));

    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    world.google.advance(601).await;
    answers.push(browser.get(&callback).await);
    expected.push(("time since it began", "CB-1"));

    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let begun = browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await;
    let asked = Url::parse(begun.json()["authorization_url"].as_str().unwrap()).unwrap();
    let callback = browser.answer_to(&asked).await;
    browser.post("/auth/logout", json!({})).await.assert_status(204);
    answers.push(browser.get(&callback).await);
    expected.push(("session that asked", "AR-4"));

    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let begun = browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await;
    let asked = Url::parse(begun.json()["authorization_url"].as_str().unwrap()).unwrap();
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&asked).await;
    answers.push(browser.get(&callback).await);
    expected.push(("account", "CB-14"));

    for (answer, (check, requirement)) in answers.iter().zip(expected) {
        let row = world.receipt_of(answer).await;
        let expected = Failed { check: check.to_owned(), requirement: requirement.to_owned() };
        assert_eq!(failed(&row), expected);
    }
}

#[tokio::test]
async fn domains_userinfo_and_providers_have_their_checks() {
    let world = World::with(|google| google.hosted_domains = vec!["corp.example".into()]).await;
    world.google.allow(ADA).await;
    let answer = world.browser().sign_in("").await;
    let row = world.receipt_of(&answer).await;
    let expected = Failed { check: "hd".to_owned(), requirement: "ID-15".to_owned() };
    assert_eq!(failed(&row), expected);

    let world = World::start().await;
    world.google.allow(ADA).await;
    let left_out = json!({ "claims": { "email": null, "email_verified": null } });
    world.google.fault("token", "id_token_claims", left_out).await;
    let other = json!({ "body": r#"{"sub":"somebody else"}"# });
    world.google.fault("userinfo", "malformed", other).await;
    let answer = world.browser().sign_in("").await;
    let row = world.receipt_of(&answer).await;
    let expected = Failed { check: "sub of userinfo".to_owned(), requirement: "ID-16".to_owned() };
    assert_eq!(failed(&row), expected);

    let (world, _other) = World::with_another().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await.as_str().replace("/google/", "/other/");
    let row = world.receipt_of(&browser.get(&callback).await).await;
    let expected = Failed { check: "provider".to_owned(), requirement: "CB-4".to_owned() };
    assert_eq!((failed(&row), row.kind), (expected, ReceiptKind::TurnedAway));
}

#[tokio::test]
async fn cb_3_a_replay_leaves_the_receipt_of_what_happened() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let mut again = browser.clone();
    browser.get(&callback).await.assert_status(303);
    let first = world.receipts().await;
    let replay = again.get(&callback).await;
    replay.assert_refused(409, "attempt_used");
    let row = world.receipt_of(&replay).await;
    assert_eq!((&row, row.kind), (&first[0], ReceiptKind::Done));
    assert_eq!(world.receipts().await, first);
}

/// The newest receipt that tells of offline access.
async fn offline(world: &World) -> (Option<Offline>, String) {
    let row = world.receipts().await.remove(0);
    let text = conclusion(&row, &steps(&row)).join(" ");
    (row.offline, text)
}

#[tokio::test]
async fn why_there_is_no_refresh_token_is_answered() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    world.google.fault("token", "no_refresh_token", json!({ "times": 2 })).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let said: Vec<_> = world.receipts().await.iter().rev().map(|row| row.offline).collect();
    assert_eq!(said, [Some(Offline::SecondLeg), Some(Offline::ConsentBroughtNone)]);
    let rows = world.receipts().await;
    let first = rows.last().unwrap();
    let second = steps(first).into_iter().find(|step| step.step == "second leg").unwrap();
    assert_eq!(second.facts[0].1, rows[0].attempt.to_string(), "the first names the second");
    assert!(first.is_new_user && !rows[0].is_new_user && first.user == rows[0].user);

    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let asked = browser.get(&callback).await.location();
    world.google.deny(ADA).await;
    let callback = browser.answer_to(&asked).await;
    browser.get(&callback).await.assert_status(303);
    assert_eq!(offline(&world).await.0, Some(Offline::Declined));

    world.google.allow(ADA).await;
    let (state, code) = world.one_time_code(&mut browser).await;
    world.google.fault("token", "no_refresh_token", json!({})).await;
    browser.post_code(&code, &state).await.assert_status(200);
    let (said, words) = offline(&world).await;
    assert_eq!(said, Some(Offline::CodeWithoutConsent));
    assert!(words.contains("POST /auth/{provider}/grant"), "{words}");

    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_status(303);
    assert_eq!(offline(&world).await.0, Some(Offline::Credential));
    world.assert_receipts_tell_nothing(&[credential, page.nonce, page.state]).await;

    world.google.control("DELETE", "faults", Value::Null).await;
    world.browser().sign_in("").await.assert_status(303);
    assert_eq!(offline(&world).await.0, Some(Offline::Came));
    world.browser().sign_in("").await.assert_status(303);
    assert_eq!(offline(&world).await.0, Some(Offline::Kept));
}

#[tokio::test]
async fn a_provider_that_was_not_asked_gives_none() {
    let (world, other) = World::with_another().await;
    other.allow(ADA).await;
    other.fault("token", "no_refresh_token", json!({ "times": 9 })).await;
    let mut browser = world.browser();
    let mut next = browser.get("/auth/other/login").await.location();
    while next.path() != "/" {
        next = browser.get(&next).await.location();
    }
    let (said, words) = offline(&world).await;
    assert_eq!(said, Some(Offline::NotAsked));
    assert!(words.contains("add `offline_access` to the provider's `scopes`"), "{words}");
}

#[tokio::test]
async fn the_page_that_waits_is_told_how_it_stands_with_offline_access() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let done = browser.sign_in("?mode=popup").await;
    let at = done.body.find("att_").unwrap();
    let path = format!("/auth/attempts/{}", &done.body[at..at + 30]);
    let told = browser.get(&path).await;
    assert_eq!(told.json(), json!({ "status": "done", "offline": "came" }));
    world.browser().get(&path).await.assert_refused(403, "attempt_missing");
}

#[tokio::test]
async fn the_page_of_a_failure_names_the_attempt_and_the_command() {
    let world = World::start().await;
    world.google.deny(ADA).await;
    let mut browser = world.browser();
    browser.headers.insert(http::header::ACCEPT, "text/html".parse().unwrap());
    for callback in
        ["/auth/google/callback?code=x".to_owned(), browser.callback_url("").await.into()]
    {
        let page = browser.get(&callback).await;
        let rows = world.receipts().await;
        let newest = rows.iter().max_by_key(|row| row.ended_at).unwrap().attempt;
        assert!(page.body.contains(&format!("standin attempts show {newest}")), "{}", page.body);
    }
}

#[tokio::test]
async fn receipts_are_forgotten_after_their_time() {
    let world = World::start().await;
    world.signed_in(ADA, "").await;
    let rows = world.receipts().await.len();
    assert_eq!(rows, 1);
    world.google.advance(7 * 24 * 3600 - 60).await;
    world.standin.prune().await.unwrap();
    assert_eq!(world.receipts().await.len(), rows);
    world.google.advance(61).await;
    world.standin.prune().await.unwrap();
    assert_eq!(world.receipts().await, []);
}

#[tokio::test]
async fn a_flood_of_bad_answers_neither_fills_the_disk_nor_pushes_the_good_ones_out() {
    let world = World::start().await;
    world.signed_in(ADA, "").await;
    let good = world.receipts().await;
    let flood = "/auth/google/callback?code=x&state=unknown&error_description=".to_owned();
    let flood = format!("{flood}{}", "x".repeat(4_000));
    for host in 10..14 {
        let mut browser: Browser = world.browser_at(host);
        for _ in 0..40 {
            browser.get(&flood).await.assert_status(403);
        }
    }
    let after = world.receipts().await;
    let strays: Vec<_> = after.iter().filter(|row| row.kind == ReceiptKind::Stray).collect();
    assert_eq!(strays.len(), 60);
    assert!(strays.iter().all(|row| row.steps.len() < 1_000), "{strays:?}");
    assert!(good.iter().all(|row| after.contains(row)));
    // What is not kept is not named, either.
    let answer = world.browser_at(20).get(&flood).await;
    assert_eq!(answer.json()["attempt"], Value::Null);
}

#[tokio::test]
async fn a_receipt_tells_the_whole_way() {
    let world = World::with(|google| {
        google.scopes = Scopes::parse("openid email profile").unwrap();
    })
    .await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let row = world.receipts().await.remove(0);
    let steps = steps(&row);
    let names: Vec<_> = steps.iter().map(|step| &*step.step).collect();
    assert_eq!(
        names,
        [
            "begun",
            "answer",
            "exchange",
            "token answer",
            "tokens",
            "ID token",
            "keys",
            "written",
            "offline access"
        ]
    );
    let facts = |step: usize| {
        let facts = steps[step].facts.iter().map(|(name, fact)| format!("{name}: {fact}"));
        facts.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        facts(0),
        "provider: google, for: sign-in, mode: redirect, \
         scopes: email openid profile, prompt: none, login hint: no"
    );
    assert!(facts(1).starts_with("came: by redirect, code: "), "{}", facts(1));
    assert!(facts(4).contains("refresh token: yes, ID token: yes"), "{}", facts(4));
    let checks: Vec<_> = steps.iter().flat_map(|step| &step.checks).collect();
    assert!(checks.iter().all(|check| check.passed) && checks.len() > 18, "{checks:?}");
    let exp = checks.iter().find(|check| check.check == "exp").unwrap();
    assert!(exp.came.starts_with("in 3"), "{exp:?}");
    assert!(row.ended_at >= row.begun_at);
}
