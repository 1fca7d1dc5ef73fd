//! Everything that is logged, at TRACE, by everybody in the process, while everything happens: no secret is
//! in it, in any spelling.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::Method;
use http::header::{COOKIE, HeaderValue};
use serde_json::json;
use standin::secret::sha256;
use standin::store::ReceiptFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{ADA, Browser, ButtonPage, CALENDAR, Caller, GRACE, Job, Wire, World, shown};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Paper {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of the whole process from the first use on.
static PAPER: LazyLock<Paper> = LazyLock::new(|| {
    let paper = Paper::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(paper.clone())
        .with_ansi(false)
        .try_init()
        .unwrap();
    paper
});

fn log() -> String {
    String::from_utf8(PAPER.0.lock().unwrap().clone()).unwrap()
}

/// A secret as it might slip out. The hash of a token is a fingerprint that anybody can make (LS-4).
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let url: String = form_urlencoded::byte_serialize(bytes).collect();
    let debug = format!("{secret:?}").trim_matches('"').to_owned();
    let decimal = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let mut spellings = vec![secret.to_owned(), url, debug, decimal];
    for skip in 0..3 {
        let whole = &bytes[skip..bytes.len() - (bytes.len() - skip) % 3];
        spellings.extend([BASE64.encode(whole), BASE64URL_NOPAD.encode(whole)]);
    }
    spellings.extend([
        HEXLOWER.encode(bytes),
        HEXUPPER.encode(bytes),
        HEXLOWER.encode(&sha256(bytes)),
        BASE64.encode(&sha256(bytes)),
        BASE64URL_NOPAD.encode(&sha256(bytes)),
    ]);
    spellings
}

#[track_caller]
fn assert_unlogged(kind: &str, secret: &str) {
    assert!(secret.len() >= 8, "{kind} is too short to be looked for");
    let log = log();
    for spelling in spellings(secret) {
        if let Some(at) = log.find(&spelling) {
            let line = log[..at].rfind('\n').map_or(0, |start| start + 1);
            let end = log[at..].find('\n').map_or(log.len(), |end| at + end);
            panic!("{kind} is in the log: {}", &log[line..end]);
        }
    }
}

/// The secrets that were about, by what they are.
#[derive(Default)]
struct Day(Vec<(String, String)>);

impl Day {
    fn note(&mut self, kind: &str, value: &str) {
        self.0.push((kind.to_owned(), value.to_owned()));
    }
}

/// Signs in, fails to, vends, refreshes, is refused, disconnects; gives back every secret that was about.
async fn a_busy_day(world: &World, wire: &Wire) -> Vec<(String, String)> {
    let mut day = Day::default();
    let mut browser = world.browser();
    let user = sign_in_and_fail_to(world, &mut browser, &mut day).await;
    every_other_way(world, &mut browser, &mut day).await;
    let job = world.job().await;
    vend_and_be_refused(world, &job, &user, &mut day).await;
    let caller = Caller::new(world, &job, &user);
    refresh_in_trouble(world, &caller, &mut day).await;
    take_back(world, &mut browser, &job, &mut day).await;
    let keys = world.keys.to_toml().unwrap();
    day.note("key-encryption key", keys.split('"').find(|part| part.len() == 44).unwrap());
    for (kind, secret) in wire.secrets() {
        day.note(&kind, &secret);
    }
    day.0
}

async fn sign_in_and_fail_to(world: &World, browser: &mut Browser, day: &mut Day) -> String {
    world.google.allow(ADA).await;
    let begun = browser.get(format!("/auth/google/login?scope={CALENDAR}")).await;
    for (name, value) in begun.location().query_pairs() {
        if ["state", "nonce"].contains(&&*name) {
            day.note(&name, &value);
        }
    }
    for (name, value) in browser.cookies() {
        day.note(name, value);
    }
    let mut answer = begun;
    while answer.status.is_redirection() && !answer.location().path().ends_with("/callback") {
        answer = browser.get(answer.location()).await;
    }
    let callback = answer.location();
    // Somebody else's browser, then ours, then once more; and answers that are none.
    world.browser().get(&callback).await.assert_status(403);
    browser.get(&callback).await.assert_status(303);
    browser.get(&callback).await;
    for query in [
        "?code=4/canary-code-that-fails&state=canary-state-that-fails",
        "?error=canary-error-word&state=x",
        "?canary-query-parameter=1",
    ] {
        world.browser().get(format!("/auth/google/callback{query}")).await;
        let mut person = world.browser();
        person.headers.insert("accept", HeaderValue::from_static("text/html"));
        person.get(format!("/auth/google/callback{query}")).await;
        person.get(callback.as_str()).await;
        world.browser().get(format!("/auth/google/login{query}")).await;
    }
    for canary in [
        "canary-code-that-fails",
        "canary-state-that-fails",
        "canary-error-word",
        "canary-query-parameter",
    ] {
        day.note("a query", canary);
    }
    day.note("session cookie", browser.cookie("__Host-standin").unwrap());
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();

    let begun = browser.post("/auth/google/begin", json!({})).await.json();
    day.note("state of a popup", begun["state"].as_str().unwrap());
    day.note("nonce of a popup", begun["nonce"].as_str().unwrap());
    let post = json!({ "code": "4/canary-posted-code", "state": begun["state"] });
    browser.post("/auth/google/code", post).await.assert_status(400);
    day.note("a posted code", "4/canary-posted-code");
    user
}

/// The ways in that a page begins, and what a provider's server posts.
async fn every_other_way(world: &World, browser: &mut Browser, day: &mut Day) {
    let (state, code) = world.one_time_code(browser).await;
    browser.post_code(&code, &state).await.assert_status(200);
    day.note("a popup's code", &code);
    day.note("a popup's state", &state);
    day.note("a popup's session", browser.cookie("__Host-standin").unwrap());
    let mut page = ButtonPage::open(world).await;
    let credential = page.credential(world).await;
    page.post(&credential).await.assert_status(303);
    page.post(&credential).await;
    day.note("a credential", &credential);
    day.note("a button's nonce", &page.nonce);
    let more = browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await.json();
    let url: url::Url = more["authorization_url"].as_str().unwrap().parse().unwrap();
    day.note("state of a grant", &crate::support::param(&url, "state"));
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await.assert_status(303);
    day.note("code of a grant", &crate::support::param(&callback, "code"));
    for path in ["risc", "backchannel-logout"] {
        let body = format!("logout_token={credential}&x=canary-of-a-server");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let path = format!("/auth/google/{path}");
        world.browser().send(Method::POST, &path, &form, body).await.assert_status(400);
    }
    day.note("a body", "canary-of-a-server");
}

async fn vend_and_be_refused(world: &World, job: &Job, user: &str, day: &mut Day) {
    day.note("client key", &job.key);
    let caller = Caller::new(world, job, user);
    caller.token().await;
    caller.ask(json!({ "canary-unknown-member": "canary-value" })).await.assert_status(400);
    caller.ask(json!({ "stale_token_sha256": "canary-stale-token" })).await.assert_status(400);
    day.note("a body", "canary-stale-token");
    let wrong = ("authorization", "Bearer sk_canary-wrong-client-key-that-nobody-has");
    let path = format!("/v1/users/{user}/grants/google/token");
    world.browser().send(Method::POST, &path, &[wrong], String::new()).await.assert_status(401);
    day.note("a wrong key", "canary-wrong-client-key-that-nobody-has");
}

async fn refresh_in_trouble(world: &World, caller: &Caller, day: &mut Day) {
    for (fault, more) in [
        ("rotate", json!({})),
        ("status", json!({ "status": 500, "body": "canary-upstream-error-body" })),
        (
            "status",
            json!({ "status": 400, "body": { "error": "canary-upstream-word", "error_description": "canary-upstream-words" } }),
        ),
        ("malformed", json!({ "body": "{\"access_token\":\"canary-malformed-answer" })),
        ("drop_after", json!({})),
        ("other_subject", json!({})),
        ("bad_signature", json!({})),
        ("invalid_client", json!({})),
        ("invalid_grant", json!({})),
    ] {
        world.google.advance(7200).await;
        world.google.fault("token", fault, more).await;
        caller.ask(json!({ "purpose": "nightly" })).await;
    }
    for canary in [
        "canary-upstream-error-body",
        "canary-upstream-word",
        "canary-upstream-words",
        "canary-malformed-answer",
    ] {
        day.note("the provider's words", canary);
    }
}

async fn take_back(world: &World, browser: &mut Browser, job: &Job, day: &mut Day) {
    browser.sign_in("").await.assert_status(303);
    day.note("second session cookie", browser.cookie("__Host-standin").unwrap());
    world
        .google
        .fault("revoke", "status", json!({ "status": 503, "body": "canary-revoke-body" }))
        .await;
    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    day.note("the provider's words", "canary-revoke-body");
    world.google.advance(60).await;
    world.standin.revocations().sweep().await.unwrap();
    let (mut grace, grace_id) = world.signed_in(GRACE, "").await;
    world.execute("UPDATE grants SET sealed_access = ?1", [&b"ya29.canary-plaintext-in-row"[..]]);
    day.note("plain text in a row", "ya29.canary-plaintext-in-row");
    Caller::new(world, job, &grace_id).ask(json!({})).await.assert_status(500);
    grace.post("/auth/logout", json!({ "everywhere": true })).await.assert_status(204);
    world.standin.flush_audit().await.unwrap();
}

#[tokio::test]
async fn ls_1_ls_4_no_secret_and_no_hash_of_one_is_logged_by_anybody_at_any_level() {
    LazyLock::force(&PAPER);
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;

    let secrets = a_busy_day(&world, &wire).await;

    let kinds = [
        "access_token",
        "refresh_token",
        "id_token",
        "code",
        "code_verifier",
        "client_secret",
        "state",
        "nonce",
    ];
    for kind in kinds {
        assert!(secrets.iter().any(|(of, _)| of == kind), "no {kind} was seen");
    }
    for (kind, secret) in &secrets {
        assert_unlogged(kind, secret);
    }
    // The events are for everybody who may read the record, receipts for whoever asks why; and what is shown of
    // an error is for whoever stands in front of it.
    let store = world.standin.store();
    let events = format!("{:?}", store.events(0, 1000).await.unwrap());
    let all = ReceiptFilter { failed: false, provider: None, user: None, limit: 1000 };
    let receipts = format!("{:?}", store.receipts(&all).await.unwrap());
    let shown = shown();
    assert!(shown.contains("<html") && shown.contains("\"code\":") && receipts.len() > 1000);
    for (kind, secret) in &secrets {
        for spelling in spellings(secret) {
            assert!(!events.contains(&spelling), "{kind} is in the events");
            assert!(!receipts.contains(&spelling), "{kind} is in a receipt");
            assert!(!shown.contains(&spelling), "{kind} is in an answer");
        }
    }
    // And it was not silence that passed: what is worth an operator's eyes is there.
    let log = log();
    for (level, words) in [
        ("ERROR", "a request failed"),
        ("ERROR", "another person's ID token"),
        ("ERROR", "refuses this application's registration"),
        ("INFO", "a request was refused"),
        ("TRACE", ""),
    ] {
        let said = log.lines().any(|line| line.contains(level) && line.contains(words));
        assert!(said, "{level} {words}");
    }
}

#[tokio::test]
async fn ls_2_the_query_of_a_callback_is_not_logged_even_when_it_is_absurd() {
    LazyLock::force(&PAPER);
    let world = World::start().await;
    for (index, absurd) in
        ["%00", "%ff", "%0d%0aSet-Cookie:%20x=y", "%1b%5b31m", "&&&==="].iter().enumerate()
    {
        let canary = format!("canary-absurd-{index}-x");
        for path in ["callback", "login"] {
            world
                .browser()
                .get(format!("/auth/google/{path}?state={canary}{absurd}&code={canary}&{canary}=1"))
                .await;
        }
        assert_unlogged("a query", &canary);
    }
}

#[tokio::test]
async fn ls_3_nobody_writes_lines_into_the_log_from_outside() {
    LazyLock::force(&PAPER);
    let world = World::start().await;
    let hostile = "Ada\r\n2026 ERROR forged\u{1b}[31m\u{202e}canary-name";
    let user = json!({ "email": ADA, "name": hostile });
    world.google.control("PUT", "users", user).await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let shown = browser.session().await.json()["user"]["name"].clone();
    assert!(!shown.as_str().unwrap_or_default().contains(char::is_control), "{shown}");
    browser.headers.insert(
        "user-agent",
        HeaderValue::from_bytes(b"canary-agent\x1b[31m\xe2\x80\xae")
            .unwrap_or(HeaderValue::from_static("canary-agent")),
    );
    browser.headers.append(COOKIE, HeaderValue::from_bytes(b"a=\xff\xe2\x80\xae").unwrap());
    browser.session().await;
    let purpose = json!({ "purpose": "line one\nERROR forged by purpose\u{1b}[2J" });
    world.job().await.vend(&user, purpose).await.assert_status(200);
    world.standin.flush_audit().await.unwrap();

    let log = log();

    assert!(!log.contains('\u{1b}') && !log.contains('\u{202e}') && !log.contains('\r'));
    let stray = log
        .lines()
        .filter(|line| line.starts_with("2026 ERROR") || line.starts_with("ERROR forged"));
    assert_eq!(stray.count(), 0);
}
